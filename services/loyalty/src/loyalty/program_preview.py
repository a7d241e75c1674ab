"""What a changed program would have done to the newest orders and to every member's tier. Writes nothing of theirs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from comeback_kit.db import Connection
from loyalty import order_trial
from loyalty.job_rows import Job
from loyalty.program.document import Program
from loyalty.rules.compiled import CompiledProgram, compile_program
from loyalty.schemas.jobs import OrderChange, OrdersPreview, ProgramPreviewAnswer, TierMove, TiersPreview
from loyalty.shop import Shop
from loyalty.tier_counts import COUNTS_AT, VALUE
from loyalty.tiers import starts
from loyalty.tiers_history import replay
from loyalty.tiers_rules import first_level

SMALL: Final = 5_000
"""Up to so many members a preview is answered at once."""
_CHUNK: Final = 2_000
_SHOWN: Final = 100
_MEMBERS: Final = """
select customer_id, tier_id, balance from members
where shop_id = $1 and merged_into is null and customer_id > $2 order by customer_id limit $3"""
_LOTS: Final = f"""
select customer_id, lot_id, {COUNTS_AT % "$3"} as at, {VALUE % "$3"}::bigint as value, active
from lots l join unnest($2::text[]) u(customer_id) using (customer_id) where shop_id = $1"""


async def is_small(tx: Connection, shop_id: str, orders: int) -> bool:
    """Whether the answer can be waited for."""
    count: int = await tx.fetchval(
        "select count(*) from (select from members where shop_id = $1 limit $2) counted", shop_id, SMALL + 1
    )
    return orders <= 1000 and count <= SMALL


async def at_once(tx: Connection, shop: Shop, program: Program, orders: int, now: datetime) -> ProgramPreviewAnswer:
    """The preview of a small shop."""
    job = Job(shop.shop_id, "", "program_preview", _request(program, orders), now, now)
    while job.state == "running":
        await step(tx, shop, job, now)
    return ProgramPreviewAnswer.model_validate(_renamed(job.result or {}))


def new_job(shop: Shop, job_id: str, program: Program, orders: int, now: datetime) -> Job:
    """The preview of a large shop."""
    return Job(shop.shop_id, job_id, "program_preview", _request(program, orders), now, now)


async def step(tx: Connection, shop: Shop, job: Job, now: datetime) -> None:
    """First the orders, then a chunk of members each time."""
    program = compile_program(
        Program.model_validate(job.request["program"]), currency=shop.currency, zone=shop.time_zone
    )
    if "orders" not in job.progress:
        trials = await order_trial.newest(tx, shop, program, job.request["orders"])
        # Who has lost a limit since, or bought in another tier, is not moved by the program that is in force anyway.
        changes = {} if program.document == shop.current.document else _by_member(trials)
        job.progress = {"orders": _orders(trials), "changes": changes, "after": "", "moves": {}}
        job.total = await tx.fetchval(
            "select count(*) from members where shop_id = $1 and merged_into is null", shop.shop_id
        )
        return
    await _members(tx, shop, program, job, now)


async def _members(tx: Connection, shop: Shop, program: CompiledProgram, job: Job, now: datetime) -> None:
    progress = job.progress
    rows = await tx.fetch(_MEMBERS, shop.shop_id, progress["after"], _CHUNK)
    moves: Counter[str] = Counter(progress["moves"])
    present = {row["customer_id"]: _present(shop, row) for row in rows}
    for customer_id, after in (await _tiers(tx, shop, program, rows, present, progress["changes"], now)).items():
        moves[f"{present[customer_id] or ''}>{after or ''}"] += 1
    progress["moves"] = dict(moves)
    job.done += len(rows)
    if len(rows) == _CHUNK:
        progress["after"] = rows[-1]["customer_id"]
        return
    job.state = "done"
    job.result = {"orders": progress["orders"], "tiers": _tiers_preview(moves)}
    job.progress = {}


def _present(shop: Shop, row: asyncpg.Record) -> str | None:
    """The tier that a member is shown in."""
    level_id: str | None = row["tier_id"]
    first = first_level(shop.current.tiers)
    if level_id is None and first is not None and starts(shop, row["balance"]):
        return first.id
    return level_id


async def _tiers(
    tx: Connection,
    shop: Shop,
    program: CompiledProgram,
    rows: Sequence[asyncpg.Record],
    present: Mapping[str, str | None],
    changes: Mapping[str, int],
    now: datetime,
) -> dict[str, str | None]:
    """The tier of each of these members under the program."""
    if program.tiers == shop.current.tiers and not changes:
        return dict(present)
    would = await _replayed(tx, shop, program, rows, changes, now)
    is_now = await _replayed(tx, shop, shop.current, rows, {}, now)
    return {
        customer_id: _moved(shop, program, tier, is_now[customer_id], would[customer_id])
        for customer_id, tier in present.items()
    }


def _moved(
    shop: Shop, program: CompiledProgram, present: str | None, is_now: str | None, would: str | None
) -> str | None:
    """Where the program moves a member whom the replay has in ``would``, and under the program in force ``is_now``.

    A replay knows what counts, not what kept a tier all the same: grace, no downgrade, points that were there for a
    while. So only what the two differ in is the program's doing.
    """
    places: dict[str | None, int] = {level.id: place for place, level in enumerate(program.tiers.levels)}
    places[None] = -1
    if present not in places:
        return would
    if would == is_now:
        return present
    if program.tiers == shop.current.tiers and is_now != present:
        return max(present, would, key=places.__getitem__)
    return would


async def _replayed(
    tx: Connection,
    shop: Shop,
    program: CompiledProgram,
    rows: Sequence[asyncpg.Record],
    changes: Mapping[str, int],
    now: datetime,
) -> dict[str, str | None]:
    """The tier of each of these members, replayed from what the program's basis counts."""
    tiers = program.tiers
    if not tiers.levels:
        return {row["customer_id"]: None for row in rows}
    history: dict[str, list[tuple[datetime, int]]] = {row["customer_id"]: [] for row in rows}
    if tiers.basis == "balance":
        for row in rows:
            history[row["customer_id"]].append((now, row["balance"] + changes.get(row["customer_id"], 0)))
    else:
        for lot in await tx.fetch(_LOTS, shop.shop_id, sorted(history), tiers.basis):
            value = lot["value"]
            if tiers.basis == "points" and lot["active"]:
                value += changes.get(f"{lot['customer_id']}\x1f{lot['lot_id']}", 0)
            history[lot["customer_id"]].append((lot["at"], value))
    first = first_level(tiers)
    start = None if first is None else first.id
    return {
        customer_id: replay(tiers, found, now, program.zone)[0].level_id if found else start
        for customer_id, found in history.items()
    }


def _orders(trials: list[order_trial.Trial]) -> dict[str, Any]:
    changed = [one for one in trials if one.before != one.after]
    largest = sorted(changed, key=lambda one: (-abs(one.after - one.before), one.order_id))[:_SHOWN]
    preview = OrdersPreview(
        count=len(trials),
        changed=len(changed),
        points_before=sum(one.before for one in trials),
        points_after=sum(one.after for one in trials),
        changes=[
            OrderChange(
                order_id=one.order_id, customer_id=one.customer_id, points_before=one.before, points_after=one.after
            )
            for one in largest
        ],
    )
    return preview.model_dump(mode="json")


def _by_member(trials: list[order_trial.Trial]) -> dict[str, int]:
    """How many points more or less, by member and by the order's lot."""
    found: Counter[str] = Counter()
    for one in trials:
        if one.account is not None and one.after != one.before:
            found[one.account] += one.after - one.before
            found[f"{one.account}\x1forder:{one.order_id}"] += one.after - one.before
    return dict(found)


def _tiers_preview(moves: Mapping[str, int]) -> dict[str, Any]:
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    listed = []
    for name, count in sorted(moves.items()):
        old, new = name.split(">", 1)
        before[old or "none"] += count
        after[new or "none"] += count
        if old != new:
            listed.append({"from": old or None, "to": new or None, "members": count})
    return {
        "members": sum(moves.values()),
        "moved": sum(one["members"] for one in listed),
        "moves": listed,
        "before": dict(before),
        "after": dict(after),
    }


def _renamed(result: dict[str, Any]) -> dict[str, Any]:
    tiers = result["tiers"]
    moves = [TierMove(before=one["from"], after=one["to"], members=one["members"]) for one in tiers["moves"]]
    return {
        "orders": OrdersPreview.model_validate(result["orders"]),
        "tiers": TiersPreview(**{**tiers, "moves": moves}),
    }


def _request(program: Program, orders: int) -> dict[str, Any]:
    return {"program": program.model_dump(mode="json"), "orders": orders}
