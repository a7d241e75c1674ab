"""What a batch of the customers topic does: languages are kept, accounts joined, people forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from msgspec import UNSET

from comeback_contracts import field_merge
from comeback_contracts.instants import parse_instant
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from feedback import decisions, erasures, invitations, order_store, people, shop_secrets
from feedback.invitations import Invitation
from feedback.people import People, Person, PersonKey, Stated
from feedback.views import ErasedData, MergedData, PersonData

_STATED: Final = frozenset({"customer.registered", "customer.updated"})
_RANKS: Final = ("skipped", "planned", "waiting", "asked", "answered")


@dataclass(slots=True)
class _Segment:
    """A stretch of the batch in which languages commute with everything, and merges come before erasures."""

    merges: list[tuple[PersonKey, PersonKey]] = field(default_factory=list)
    erased: dict[PersonKey, datetime] = field(default_factory=dict)
    locales: dict[PersonKey, Stated] = field(default_factory=dict)

    def customers(self) -> set[PersonKey]:
        return {one for pair in self.merges for one in pair} | set(self.erased) | set(self.locales)


async def take_customers(tx: Connection, events: Sequence[Event], _context: Context) -> None:
    """Apply a batch of ``customer.*`` events; each effect is idempotent by its own key."""
    for segment in _segments(events):
        await _drop_what_was_forgotten(tx, segment)
        if segment.erased:
            await _apply_erasing(tx, segment)
        elif segment.customers():
            await _apply(tx, segment, await people.lock(tx, segment.customers()))


async def _drop_what_was_forgotten(tx: Connection, segment: _Segment) -> None:
    """What was said of a person before their erasure says nothing any more, however late it comes."""
    secrets = await shop_secrets.existing(tx, {shop_id for shop_id, _ in segment.locales})
    asked_for = [key for key in segment.locales if key[0] in secrets]
    for key, erased_at in (await erasures.tombstones(tx, asked_for, secrets)).items():
        if parse_instant(segment.locales[key][1]) <= erased_at:
            del segment.locales[key]


def _segments(events: Iterable[Event]) -> list[_Segment]:
    found = [_Segment()]
    for event in events:
        if event.type == "customer.merged" and found[-1].erased:
            found.append(_Segment())
        _take(found[-1], event)
    return found


def _take(segment: _Segment, event: Event) -> None:
    if event.type == "customer.merged":
        merged = event.view(MergedData)
        segment.merges.append(((event.shopid, merged.source), (event.shopid, merged.into)))
    elif event.type == "customer.erased":
        erased = event.view(ErasedData)
        key = (event.shopid, erased.customer_id)
        segment.erased[key] = max(erased.at, segment.erased.get(key, erased.at))
    elif event.type in _STATED:
        data = event.view(PersonData)
        if data.locale is UNSET:
            return
        key = (event.shopid, data.customer_id)
        said, before = _stated(event, data), segment.locales.get(key)
        if before is None or field_merge.beats(said, before):
            segment.locales[key] = said


def _stated(event: Event, data: PersonData) -> Stated:
    try:
        return field_merge.stated({"locale": data.locale, "updated_at": data.updated_at}, event.time)["locale"]
    except ValueError as error:
        raise PoisonEvent(event, f"updated_at {error}") from error


async def _apply(tx: Connection, segment: _Segment, known: People) -> None:
    moved = _merge(known, segment.merges)
    for key, said in segment.locales.items():
        known[people.root(known, key)].state(said)
    await people.write(tx, known)
    if moved:
        await _move(tx, moved)


def _merge(known: People, merges: Iterable[tuple[PersonKey, PersonKey]]) -> dict[PersonKey, PersonKey]:
    """Join accounts in ``known``; answer who belongs to whom now."""
    joined: list[PersonKey] = []
    for source, into in merges:
        old, new = people.root(known, source), people.root(known, into)
        if old == new:
            continue
        left, kept = known[old], known[new]
        kept.state(left.stated)
        kept.contacted_at = max((at for at in (left.contacted_at, kept.contacted_at) if at), default=None)
        known[old] = Person(into_id=new[1])
        joined.append(old)
    return {key: people.root(known, key) for key in joined}


async def _move(tx: Connection, moved: Mapping[PersonKey, PersonKey]) -> None:
    """What was of the one belongs to the other: who was merged into them before, invitations and responses."""
    arrays = ([key[0] for key in moved], [key[1] for key in moved], [into[1] for into in moved.values()])
    await tx.execute(
        """update customers c set into_id = w.into_id from unnest($1::text[], $2::text[], $3::text[])
             as w(shop_id, customer_id, into_id) where c.shop_id = w.shop_id and c.into_id = w.customer_id""",
        *arrays,
    )
    theirs = await invitations.lock_of_people(tx, {*moved, *moved.values()})
    changed = _moved_invitations(theirs, moved)
    superseded = [one for one in changed if one.state == "superseded"]
    # First out of the way, then in: two rows of one key would meet in the unique index.
    if superseded:
        await invitations.update(tx, superseded)
    await invitations.update(tx, [one for one in changed if one.state != "superseded"])
    await tx.execute(
        """update responses r set customer_id = w.into_id from unnest($1::text[], $2::text[], $3::text[])
             as w(shop_id, customer_id, into_id) where r.shop_id = w.shop_id and r.customer_id = w.customer_id""",
        *arrays,
    )


def _moved_invitations(theirs: Iterable[Invitation], moved: Mapping[PersonKey, PersonKey]) -> list[Invitation]:
    """Every invitation at its new account; of two for the same order and survey the one that is further counts."""
    best: dict[tuple[str, str, str, str], Invitation] = {}
    changed: dict[str, Invitation] = {}
    for before in theirs:
        one = replace(before, customer_id=moved.get(before.person, before.person)[1])
        if one != before:
            changed[one.invitation_id] = one
        if one.state == "superseded":
            continue
        key = (one.shop_id, one.order_id, one.survey_id, one.customer_id)
        rival = best.get(key)
        winner, loser = (one, rival) if rival is None or _rank(one) > _rank(rival) else (rival, one)
        best[key] = winner
        if loser is not None:
            changed[loser.invitation_id] = replace(loser, state="superseded", superseded_by=winner.invitation_id)
    return list(changed.values())


def _rank(one: Invitation) -> tuple[int, bool, str]:
    return _RANKS.index(one.state), decisions.is_final(one.state, one.reason), one.invitation_id


async def _apply_erasing(tx: Connection, segment: _Segment) -> None:
    """A segment with erasures: orders are locked before their customers, as everywhere."""
    before = await people.read(tx, segment.customers())
    expected = await people.everybody(tx, {people.root(before, key) for key in segment.customers()})
    await order_store.lock(tx, await order_store.of_people(tx, expected))
    known = await people.lock(tx, segment.customers())
    await _apply(tx, segment, known)
    erased: dict[PersonKey, datetime] = {}
    for key, at in segment.erased.items():
        account = people.root(known, key)
        erased[account] = max(at, erased.get(account, at))
    names = await people.everybody(tx, erased)
    graves = {(shop_id, name): erased[shop_id, account] for (shop_id, account), all_ in names.items() for name in all_}
    secrets = await shop_secrets.ensure(tx, {shop_id for shop_id, _ in erased})
    await erasures.bury(tx, graves, secrets)
    # Read again under the lock: an order may have come while we waited for it.
    orders = await order_store.lock(tx, await order_store.of_people(tx, names))
    await erasures.forget(tx, names, orders)
