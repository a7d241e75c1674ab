"""What makes a program invalid between its fields; each finding says where it is and what to do."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from comeback_kit.errors import FieldError, Unprocessable
from loyalty.local_time import moment, moment_end
from loyalty.program.document import Program
from loyalty.program.rule import Rule
from loyalty.program.tiers import Tiers

ORDERLESS: Final = frozenset({"activity", "birthday", "anniversary"})
_OF_ORDERS: Final = ("min_amount", "product_ids", "skus", "category_ids")
_UTC: Final = ZoneInfo("UTC")


class ProgramInvalid(Unprocessable):
    """The program cannot be used; ``errors`` say where and what to do."""

    title: ClassVar[str] = "The program is not valid"


def check_program(program: Program) -> None:
    """Refuse a program whose parts contradict each other.

    Raises:
        ProgramInvalid: with one error per finding.

    """
    found = [
        *_rules(program),
        *_caps(program),
        *_dates(program),
        *_tiers(program.tiers),
    ]
    if found:
        raise ProgramInvalid("; ".join(f"{one.pointer}: {one.detail}" for one in found[:3]), errors=found)


def _rules(program: Program) -> Iterator[FieldError]:
    levels = {level.id for level in program.tiers.levels}
    for place in _repeated([rule.id for rule in program.rules]):
        yield FieldError(f"/rules/{place}/id", "is used by an earlier rule; give every rule its own id")
    for place, rule in enumerate(program.rules):
        at = f"/rules/{place}"
        yield from _needed(rule, at)
        yield from _window(rule, at)
        for index, tier in enumerate(rule.when.tiers):
            if tier not in levels:
                known = ", ".join(sorted(levels)) or "none yet: add it to tiers.levels"
                yield FieldError(f"{at}/when/tiers/{index}", f"is no level of this program; its levels: {known}")


def _needed(rule: Rule, at: str) -> Iterator[FieldError]:
    if rule.kind == "multiplier" and rule.factor is None:
        yield FieldError(f"{at}/factor", 'a multiplier needs a factor, for example "1.5"')
    if rule.kind == "activity" and rule.activity is None:
        yield FieldError(f"{at}/activity", 'an activity rule needs the activity that it pays for, for example "review"')
    if rule.limit is not None and rule.limit.times is None and rule.limit.points is None:
        yield FieldError(f"{at}/limit", "limits nothing; give times or points, or leave limit out")
    if rule.kind in ORDERLESS:
        for name in _OF_ORDERS:
            if getattr(rule.when, name):
                yield FieldError(f"{at}/when/{name}", f"needs an order, and {rule.kind} has none; leave it out")


def _window(rule: Rule, at: str) -> Iterator[FieldError]:
    start, end = rule.when.from_, rule.when.until
    if start is not None and end is not None and moment(start, _UTC) >= moment_end(end, _UTC):
        yield FieldError(f"{at}/when/until", "must be after from")


def _caps(program: Program) -> Iterator[FieldError]:
    for place in _repeated([cap.period for cap in program.caps]):
        yield FieldError(f"/caps/{place}/period", "has a cap already; keep the lower one")


def _dates(program: Program) -> Iterator[FieldError]:
    if program.pending.kind == "until" and program.pending.until is None:
        yield FieldError("/pending/until", 'say until when points are pending, for example "2026-12-01"')
    if program.expiry.kind == "calendar" and program.expiry.round_to == "none":
        yield FieldError("/expiry/round_to", "calendar ends with a month or a year: give month_end or year_end")
    for place in _repeated(program.expiry.warn_days):
        yield FieldError(f"/expiry/warn_days/{place}", "is there already")


def _tiers(tiers: Tiers) -> Iterator[FieldError]:
    for place in _repeated([level.id for level in tiers.levels]):
        yield FieldError(f"/tiers/levels/{place}/id", "is used by an earlier level; give every level its own id")
    for place in range(1, len(tiers.levels)):
        below, level = tiers.levels[place - 1], tiers.levels[place]
        if level.threshold <= below.threshold:
            yield FieldError(
                f"/tiers/levels/{place}/threshold",
                f"must be above {below.threshold}, that of {below.id}: levels stand in ascending order",
            )


def _repeated(values: Sequence[object]) -> Iterator[int]:
    seen: set[object] = set()
    for place, value in enumerate(values):
        if value in seen:
            yield place
        seen.add(value)
