"""A customer's preferences, for the shop."""

from fastapi import APIRouter

from comeback_kit.http import Caller, Id, Now, RuntimeDep, TransactionRoute, Tx, requires
from comeback_kit.runtime import Runtime
from notifications import links, preferences
from notifications.links import PreferenceLink
from notifications.schemas import Preferences, PreferencesChange
from notifications.service_state import state_of
from notifications.workflows import CATEGORIES

router = APIRouter(
    prefix="/v1/notifications/customers/{customer_id}/preferences", tags=["Preferences"], route_class=TransactionRoute
)

_REQUIRED = [category.id for category in CATEGORIES.values() if category.required]


@router.get("", summary="Which mails a customer gets", dependencies=[requires("notifications:read")])
async def get_preferences(customer_id: Id, tx: Tx, caller: Caller, runtime: RuntimeDep) -> Preferences:
    """Which kinds of mail a customer gets; one that we never heard of has the defaults."""
    return await _answer(tx, caller.shop_id, customer_id, runtime)


@router.put("", summary="Set which mails a customer gets", dependencies=[requires("notifications:write")])
async def put_preferences(
    customer_id: Id, change: PreferencesChange, tx: Tx, caller: Caller, runtime: RuntimeDep, now: Now
) -> Preferences:
    """Turn kinds of mail on or off for a customer; those left out stay as they are."""
    choices = preferences.check(change.categories)
    secrets = state_of(runtime).secrets
    await preferences.change(tx, caller.shop_id, customer_id, choices, secrets, now=now, origin="api")
    return await _answer(tx, caller.shop_id, customer_id, runtime)


async def _answer(tx: Tx, shop_id: str, customer_id: str, runtime: Runtime) -> Preferences:
    state = state_of(runtime)
    keys = (await state.secrets.of(tx, [shop_id]))[shop_id].link_keys
    token = links.sign(PreferenceLink(shop_id, customer_id, "preferences"), keys)
    return Preferences(
        customer_id=customer_id,
        categories=await preferences.read(tx, shop_id, customer_id),
        required=_REQUIRED,
        url=f"{state.settings.public_url}/p/{token}",
    )
