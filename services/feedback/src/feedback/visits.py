"""Behind a link: the invitation, its survey, and what was answered so far."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from feedback import invitations, order_store, people, responses, shop_secrets, shops, surveys
from feedback.errors import LinkExpired, LinkGone, LinkInvalid
from feedback.invitations import Invitation
from feedback.links import SurveyLink, shop_claimed, verify
from feedback.order_store import Order
from feedback.people import Person
from feedback.responses import Response
from feedback.service_state import ServiceState
from feedback.shops import Shop
from feedback.survey.walk import Attributes
from feedback.surveys import Version

_MOST_HOPS: Final = 8
NO_SHOP: Final = "-"
"""Where a link that names no shop is looked up; no shop has this id, so nothing is found."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a link. ``person``: the customer as far as known; ``response``: what they have answered."""

    invitation: Invitation
    person: Person
    order: Order | None
    shop: Shop
    version: Version
    response: Response | None

    @property
    def answered(self) -> bool:
        """Whether the one answer of this link has been given."""
        return self.response is not None and self.response.finished

    @property
    def attributes(self) -> Attributes:
        """What rules may look at beside answers: the order's attributes."""
        return {} if self.order is None or self.order.facts is None else self.order.facts.attributes

    @property
    def order_locale(self) -> str | None:
        """The language that the order was placed in."""
        return None if self.order is None or self.order.facts is None else self.order.facts.locale


def claimed_shop(token: str) -> str:
    """The shop that a token says it belongs to: where to look up its keys. Verified by ``open_link``."""
    return shop_claimed(token) or NO_SHOP


async def open_link(tx: Connection, token: str) -> SurveyLink:
    """The link behind a token. Raises ``LinkInvalid``, the same whatever is wrong with it."""
    shop_id = claimed_shop(token)
    secrets = (await shop_secrets.existing(tx, [shop_id])).get(shop_id)
    link = None if secrets is None else verify(token, secrets.link_keys)
    if link is None:
        raise LinkInvalid("it may have been cut off or changed on its way; open it from the message again")
    return link


async def visit(
    tx: Connection,
    link: SurveyLink,
    state: ServiceState,
    *,
    now: datetime,
    lock: bool = False,
    version: int | None = None,
) -> Visit:
    """What is behind a link. ``lock``: the customer and the invitation are kept until the transaction ends.

    ``version``: the survey's version that the visitor saw, where it is not the newest. Raises ``LinkGone`` for what was
    forgotten, ``LinkExpired`` for what was never answered in time.
    """
    invitation = await _invitation(tx, link, lock=lock)
    shop_id = invitation.shop_id
    response = await responses.of_invitation(tx, shop_id, invitation.invitation_id)
    if (response is None or not response.finished) and now >= invitation.expires_at:
        raise LinkExpired
    known = await people.read(tx, [invitation.person])
    wanted = response.survey_version if response is not None else version
    return Visit(
        invitation=invitation,
        person=known[people.root(known, invitation.person)],
        order=await order_store.read(tx, shop_id, invitation.order_id),
        shop=(await shops.read(tx, [shop_id]))[shop_id],
        version=await _version(tx, invitation, wanted, state),
        response=response,
    )


async def _version(tx: Connection, invitation: Invitation, wanted: int | None, state: ServiceState) -> Version:
    shop_id, survey_id = invitation.shop_id, invitation.survey_id
    if wanted is None:
        return await surveys.current_of(tx, shop_id, survey_id, state.surveys)
    return await surveys.version_of(tx, shop_id, survey_id, wanted, state.surveys)


async def _invitation(tx: Connection, link: SurveyLink, *, lock: bool) -> Invitation:
    invitation_id = link.invitation_id
    for _ in range(_MOST_HOPS):
        found = await invitations.read(tx, link.shop_id, invitation_id)
        if found is not None and lock:
            # The customer first, as everywhere; then what the row says under its own lock counts.
            await people.lock(tx, [found.person])
            again = await invitations.read(tx, link.shop_id, invitation_id, lock=True)
            if again is not None and again.person != found.person:
                continue  # their account was joined with another one meanwhile
            found = again
        if found is None:
            raise LinkGone
        if found.superseded_by is None:
            return found
        invitation_id = found.superseded_by
    raise LinkGone
