"""Placements as documents, and the rules of the whole shop."""

from fastapi import APIRouter

from comeback_kit.bodies import Answer
from comeback_kit.http import Caller, Now, RuntimeDep, TransactionRoute, Tx, requires
from recommendations import placement_store
from recommendations.errors import PlacementUnknown
from recommendations.placement_document import DEFAULTS, SHOP_WIDE, Placement, PlacementId, Rules
from recommendations.schemas import PlacementAnswer, RulesAnswer
from recommendations.service_state import state_of

router = APIRouter(prefix="/v1/recommendations", tags=["Placements"], route_class=TransactionRoute)
READ = requires("recommendations:read")
WRITE = requires("recommendations:write")


class PlacementList(Answer):
    """Every placement of the shop."""

    items: list[PlacementAnswer]


@router.get("/placements", summary="Placements, by id", dependencies=[READ])
async def every_placement(tx: Tx, caller: Caller) -> PlacementList:
    """Those of every shop (`product_page cart post_purchase account email`) and the shop's own."""
    put = {row["placement_id"]: row for row in await placement_store.every(tx, caller.shop_id)}
    answers = [
        PlacementAnswer(placement_id=name, updated_at=row["updated_at"], **row["document"]) for name, row in put.items()
    ]
    answers += [_default(name, one) for name, one in DEFAULTS.items() if name not in put]
    return PlacementList(items=sorted(answers, key=lambda one: one.placement_id))


@router.get("/placements/{placement_id}", summary="A placement", dependencies=[READ])
async def read_placement(placement_id: PlacementId, tx: Tx, caller: Caller) -> PlacementAnswer:
    """One placement with every default said."""
    row = await placement_store.one(tx, caller.shop_id, placement_id)
    if row is not None:
        return PlacementAnswer(placement_id=placement_id, updated_at=row["updated_at"], **row["document"])
    if placement_id in DEFAULTS:
        return _default(placement_id, DEFAULTS[placement_id])
    raise PlacementUnknown


@router.put("/placements/{placement_id}", summary="Set a placement", dependencies=[WRITE])
async def put_placement(
    placement_id: PlacementId, body: Placement, tx: Tx, caller: Caller, now: Now, runtime: RuntimeDep
) -> PlacementAnswer:
    """Replace a placement; a field left out has its default. It holds for every answer within a second."""
    await placement_store.put(tx, caller.shop_id, placement_id, body, now)
    state_of(runtime).wake_follower()
    return PlacementAnswer(placement_id=placement_id, updated_at=now, **body.model_dump(mode="json"))


@router.get("/rules", summary="The shop's pins, boosts and hides", dependencies=[READ])
async def read_rules(tx: Tx, caller: Caller) -> RulesAnswer:
    """Pins, boosts and hides that hold in every answer of the shop."""
    row = await placement_store.one(tx, caller.shop_id, SHOP_WIDE)
    return RulesAnswer(updated_at=None) if row is None else RulesAnswer(updated_at=row["updated_at"], **row["document"])


@router.put("/rules", summary="Set the shop's pins, boosts and hides", dependencies=[WRITE])
async def put_rules(body: Rules, tx: Tx, caller: Caller, now: Now, runtime: RuntimeDep) -> RulesAnswer:
    """Replace the rules of the whole shop."""
    await placement_store.put(tx, caller.shop_id, SHOP_WIDE, body, now)
    state_of(runtime).wake_follower()
    return RulesAnswer(updated_at=now, **body.model_dump(mode="json"))


def _default(name: str, placement: Placement) -> PlacementAnswer:
    return PlacementAnswer(placement_id=name, updated_at=None, **placement.model_dump(mode="json"))
