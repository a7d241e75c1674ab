"""What a batch of the customers topic does: contact data, merges, consents, erasures, and what waited for them."""

from collections.abc import Sequence
from datetime import datetime

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from notifications import consent_store, contacts, customer_store, erasures, message_moves, waiting
from notifications.customer_events import Consent, Segment, segments
from notifications.customer_store import CustomerRow, root
from notifications.instants import sortable
from notifications.recipients import CustomerKey
from notifications.service_state import ServiceState, state_of
from notifications.shop_secrets import SecretStore


async def take_customers(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply a batch of ``customer.*`` events. Every effect is idempotent by its own key."""
    state = state_of(context.runtime)
    for segment in segments(events):
        await _apply(tx, segment, state, context.now)


async def _apply(tx: Connection, segment: Segment, state: ServiceState, now: datetime) -> None:
    rows = await customer_store.lock_for_update(tx, segment.customers())
    before = {key: contacts.usable_email(row.fields) for key, row in rows.items()}
    moves = _merge(rows, segment)
    erased = _erase(rows, segment)
    if erased:
        await erasures.bury(tx, erased, state.secrets)
    consents = await _take_statements(tx, rows, segment, state.secrets)
    await customer_store.write(tx, rows)
    if moves:
        await customer_store.flatten(tx, moves)
        await message_moves.move(tx, moves)
        await consent_store.move(tx, moves)
    if consents:
        await consent_store.state(tx, consents, origin="event")
    if erased:
        await state.transport.forget(list(await erasures.forget(tx, erased)))
    reached = _newly_reachable(rows, before, moves)
    if reached and await waiting.release_reachable(tx, sorted(reached), now):
        state.wake_dispatch()


def _merge(rows: dict[CustomerKey, CustomerRow], segment: Segment) -> dict[CustomerKey, str]:
    joined: list[CustomerKey] = []
    for shop_id, source, into in segment.merges:
        old, new = root(rows, (shop_id, source)), root(rows, (shop_id, into))
        if old == new:
            continue
        rows[new].fields = contacts.merge(rows[new].fields, rows[old].fields)
        rows[old].fields, rows[old].into_id = {}, new[1]
        joined.append(old)
    return {key: root(rows, key)[1] for key in joined}


def _erase(rows: dict[CustomerKey, CustomerRow], segment: Segment) -> dict[CustomerKey, datetime]:
    erased: dict[CustomerKey, datetime] = {}
    for key, at in segment.erased.items():
        person = root(rows, key)
        erased[person] = max(at, erased.get(person, at))
    for person, at in erased.items():
        rows[person].fields = contacts.after(rows[person].fields, sortable(at))
    return erased


async def _take_statements(
    tx: Connection, rows: dict[CustomerKey, CustomerRow], segment: Segment, store: SecretStore
) -> list[tuple[CustomerKey, Consent]]:
    """Merge the segment's contact data into ``rows``, and answer its consents, both without what an erasure undid."""
    said = [(root(rows, key), consent) for key, consent in segment.consents]
    people = {root(rows, key) for key in segment.contacts} | {key for key, _ in said}
    graves = await erasures.tombstones(tx, people, store)
    for key, fields in segment.contacts.items():
        person = root(rows, key)
        alive = contacts.after(fields, sortable(graves[person])) if person in graves else fields
        rows[person].fields = contacts.merge(rows[person].fields, alive)
    return [(key, consent) for key, consent in said if key not in graves or consent.at > graves[key]]


def _newly_reachable(
    rows: dict[CustomerKey, CustomerRow], before: dict[CustomerKey, str | None], moves: dict[CustomerKey, str]
) -> set[CustomerKey]:
    # An account that another one was merged into may have got waiting messages with it.
    joined = {(key[0], into) for key, into in moves.items()}
    return {
        key
        for key, row in rows.items()
        if contacts.usable_email(row.fields) is not None and (before[key] is None or key in joined)
    }
