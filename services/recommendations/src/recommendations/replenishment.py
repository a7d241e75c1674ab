"""Reminders: ``replenishment.due`` once a cycle, when the window of a customer and product opens."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from comeback_contracts import topics
from comeback_contracts.envelope import encode, make_event
from comeback_contracts.recommendations import ReplenishmentDue
from comeback_kit import outbox, timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent
from comeback_kit.timers import DueTimer, Timer
from recommendations import dislikes, order_lines, placing
from recommendations.engine.cycles import DUE_UNTIL, Cycle
from recommendations.engine.personal import own_orders
from recommendations.engine.replenishing import own_cycles
from recommendations.memory.shop import ShopMemory
from recommendations.order_store import OrderRow
from recommendations.placement_document import Settings
from recommendations.service_state import state_of

KIND = "replenishment"
SOURCE = "comeback/recommendations"
Pair: TypeAlias = tuple[str, str, str]  # shop, customer, product


def ref_of(customer_id: str, product_id: str) -> str:
    """The timer of a customer and product."""
    return msgspec.json.encode((customer_id, product_id)).decode()


async def plan(tx: Connection, memory: ShopMemory, orders: Mapping[str, OrderRow], now: datetime) -> None:
    """Set, move or drop the reminder of every product of these orders, by what memory knows of their customers."""
    touched: dict[str, set[str]] = {}
    for row in orders.values():
        if row.customer_id is not None:
            touched.setdefault(row.customer_id, set()).update(order_lines.all_products(row.state))
    wanted: list[Timer] = []
    gone: list[str] = []
    for customer_id, product_ids in touched.items():
        cycles = cycles_of(memory, customer_id)
        for product_id in product_ids:
            cycle = cycles.get(product_id)
            if cycle is None or cycle.ratio(now.timestamp()) > DUE_UNTIL:
                gone.append(ref_of(customer_id, product_id))
            else:
                wanted.append(_timer(memory.shop_id, customer_id, product_id, cycle))
    await timers.schedule(tx, wanted)
    await timers.cancel(tx, memory.shop_id, KIND, gone)


def cycles_of(memory: ShopMemory, customer_id: str) -> dict[str, Cycle]:
    """The cycles of a customer by product id."""
    own = own_orders(memory.engine, customer_id)
    lifetimes = memory.catalog.lifetimes(own.products.tolist())
    found = own_cycles(memory.engine, own, memory.product_gaps, lifetimes)
    return {memory.engine.products.texts[row]: cycle for row, cycle in found.items()}


async def remind(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Tell of the cycles whose window is open and was not told of before."""
    open_now: dict[Pair, Cycle] = {}
    for timer in due:
        memory = await state_of(context.runtime).shops.get(timer.shop_id)
        customer_id, product_id = timer.payload["customer_id"], timer.payload["product_id"]
        cycle = cycles_of(memory, customer_id).get(product_id)
        if cycle is None or cycle.last != timer.payload["last"]:
            continue  # bought again or taken back since; that has set a reminder of its own
        if cycle.ratio(context.now.timestamp()) <= DUE_UNTIL:  # later is too late to be of use
            open_now[timer.shop_id, customer_id, product_id] = cycle
    unwanted = await dislikes.among(tx, list(open_now)) | await _not_offered(open_now, context)
    wanted = {pair: cycle for pair, cycle in open_now.items() if pair not in unwanted}
    new = await _first_time(tx, wanted, context.now)
    await outbox.add(tx, [_event(pair, open_now[pair], context.now) for pair in new])


async def _not_offered(pairs: Collection[Pair], context: Context) -> set[Pair]:
    """Those of a product that the shop offers nobody: deleted, out of stock or hidden."""
    found: set[Pair] = set()
    for shop_id in {pair[0] for pair in pairs}:
        memory = await state_of(context.runtime).shops.get(shop_id)
        factors = placing.factors(memory.engine, memory.catalog, Settings(), memory.rules)
        if factors is not None:
            rows = memory.engine.products.numbers
            found |= {pair for pair in pairs if pair[0] == shop_id and not factors[rows[pair[2]]]}
    return found


async def _first_time(tx: Connection, cycles: Mapping[Pair, Cycle], now: datetime) -> list[Pair]:
    """Those that nobody was told of; from now on they are."""
    pairs = sorted(cycles)
    rows = await tx.fetch(
        """insert into reminders (shop_id, customer_id, product_id, last_at, told_at)
           select w.shop_id, w.customer_id, w.product_id, w.last_at, $5
           from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
             as w(shop_id, customer_id, product_id, last_at)
           on conflict (shop_id, customer_id, product_id) do update set
             last_at = excluded.last_at, told_at = excluded.told_at
           where reminders.last_at <> excluded.last_at
           returning shop_id, customer_id, product_id""",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
        [pair[2] for pair in pairs],
        [_instant(cycles[pair].last) for pair in pairs],
        now,
    )
    return [(row["shop_id"], row["customer_id"], row["product_id"]) for row in rows]


def _timer(shop_id: str, customer_id: str, product_id: str, cycle: Cycle) -> Timer:
    payload = {"customer_id": customer_id, "product_id": product_id, "last": cycle.last}
    return Timer(shop_id, KIND, ref_of(customer_id, product_id), _instant(cycle.window[0]), payload)


def _event(pair: Pair, cycle: Cycle, now: datetime) -> OutgoingEvent:
    shop_id, customer_id, product_id = pair
    start, end = cycle.window
    name = hashlib.sha256(f"{ref_of(customer_id, product_id)}{cycle.last!r}".encode()).hexdigest()[:32]
    data = ReplenishmentDue(
        customer_id=customer_id,
        product_id=product_id,
        due_at=_instant(cycle.due),
        window_from=_instant(start),
        window_until=_instant(end),
        at=now,
    )
    event = make_event(
        id=f"replenishment:{name}",
        source=SOURCE,
        type="replenishment.due",
        time=now,
        shop_id=shop_id,
        subject=customer_id,
        data=data,
    )
    return OutgoingEvent(topics.RECOMMENDATIONS, f"{shop_id}:{customer_id}", encode(event))


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
