"""What depends on the member: fixed the first time an order counts, kept with it, used by every later settlement."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import Order
from loyalty.local_time import local_date
from loyalty.rules.compiled import CompiledProgram, CompiledRule
from loyalty.rules.instants import earned_at
from loyalty.rules.kept import NOTHING_KEPT, Allowance, Facts, Kept, Used
from loyalty.rules.periods import cap_key, rule_key

_DAYS: Final = 128


def usage_keys(program: CompiledProgram, day: date) -> tuple[str, ...]:
    """The counters of a member that ``fix`` looks at for an order earned on that day in the shop's zone."""
    if not program.needs_usage:
        return ()
    return program.keys_of_days.get(day) or _remembered(program, day)


def _remembered(program: CompiledProgram, day: date) -> tuple[str, ...]:
    """A batch has many orders of few days. Kept with the program, so that it keeps no program that nobody uses."""
    if len(program.keys_of_days) >= _DAYS:
        program.keys_of_days.clear()
    keys = program.keys_of_days[day] = (
        *(rule_key(rule.id, rule.counted_in, day) for rule in program.counted if rule.counted_in),
        *(cap_key(cap.period, day) for cap in program.period_caps),
    )
    return keys


def fix(program: CompiledProgram, order: Order, facts: Facts) -> Kept:
    """The values to keep with an order that counts for the first time for this member."""
    if not program.depends_on_member:
        return NOTHING_KEPT
    day = local_date(earned_at(program, view_of(order)), program.zone)
    return fix_on(program, day, facts, program.counted)


def fix_on(program: CompiledProgram, day: date, facts: Facts, counted: Iterable[CompiledRule]) -> Kept:
    """The values for something earned on that day under these limited rules."""
    limits: dict[str, Allowance] = {}
    caps: dict[str, Allowance] = {}
    for rule in counted:
        if rule.limit is not None and rule.counted_in is not None:
            key = rule_key(rule.id, rule.counted_in, day)
            limits[rule.id] = allowance(key, rule.limit.times, rule.limit.points, facts.used)
    for cap in program.period_caps:
        caps[cap.period] = allowance(cap_key(cap.period, day), None, cap.points, facts.used)
    return Kept(
        tier=facts.tier if program.needs_tier else None,
        first_purchase=facts.first_purchase and program.needs_first_purchase,
        tags=tuple(sorted(program.tags.intersection(facts.tags))) if program.tags else (),
        limits=limits,
        caps=caps,
    )


def allowance(key: str, times: int | None, points: int | None, used: Mapping[str, Used]) -> Allowance:
    """What is left of a limit after what the member used."""
    used_times, used_points = used.get(key, (0, 0))
    return Allowance(
        key,
        None if times is None else max(0, times - used_times),
        None if points is None else max(0, points - used_points),
    )
