"""Worked examples E (tiers) of shared/cases/loyalty.md."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty.program.tiers import Tiers
from loyalty.standings import Standing
from loyalty.tiers_history import replay
from loyalty.tiers_rules import grace_end, review, until_for

ZONE = ZoneInfo("Europe/Berlin")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def levels(**thresholds: int) -> list[dict[str, Any]]:
    return [{"id": name, "threshold": threshold} for name, threshold in thresholds.items()]


METALS = levels(basic=0, silver=100, gold=500, platinum=1000)


def follow(tiers: Tiers, values: list[tuple[str, int]]) -> list[str | None]:
    """The level after each value of the basis."""
    standing, found = Standing(), []
    for at, value in values:
        standing = review(tiers, standing, value, local(at), ZONE).standing
        found.append(standing.level_id)
    return found


def test_c58_by_balance() -> None:
    tiers = Tiers.model_validate({"basis": "balance", "window": "ever", "levels": METALS})
    values = [("2026-01-01", 100), ("2026-01-02", 50), ("2026-01-03", 550)]
    assert follow(tiers, values) == ["silver", "basic", "gold"]


@pytest.mark.parametrize(("balance", "expected"), [(5, None), (10, "L1"), (30, "L2")])
def test_c60_a_yearly_recheck_on_active_points(balance: int, expected: str | None) -> None:
    tiers = Tiers.model_validate(
        {"basis": "balance", "window": "calendar_year", "downgrade": "full", "levels": levels(L1=10, L2=30, L3=100)}
    )
    values = [("2026-03-01", 10), ("2026-04-01", 30), ("2026-05-01", balance)]
    assert follow(tiers, values) == ["L1", "L2", "L2"]
    assert follow(tiers, [*values, ("2027-01-01", balance)])[-1] == expected


@pytest.mark.parametrize(
    ("grace", "round_to", "held_to"),
    [("P0D", "none", None), ("P1M", "none", "2026-08-20"), ("P1M", "month_end", "2026-09-01")],
    ids=["C62 no grace", "C62 one month", "C62 to the month's end"],
)
def test_c62_a_full_downgrade_after_grace(grace: str, round_to: str, held_to: str | None) -> None:
    tiers = Tiers.model_validate(
        {
            "basis": "balance", "window": "ever", "downgrade": "full", "grace": grace, "grace_round_to": round_to,
            "levels": levels(bronze=0, silver=100, gold=200),
        }
    )  # fmt: skip
    gold = review(tiers, Standing(), 250, local("2026-07-20T15:00"), ZONE).standing
    assert gold == Standing("gold", local("2026-07-20T15:00"), None)
    after = review(tiers, gold, 50, local("2026-07-25T15:00"), ZONE)
    if held_to is None:
        assert (after.standing.level_id, after.change) == ("bronze", "down")
        return
    assert after.standing == Standing("gold", gold.since, local(held_to))
    assert review(tiers, after.standing, 250, local("2026-07-26"), ZONE).standing == gold
    assert review(tiers, after.standing, 50, local(held_to), ZONE).standing.level_id == "bronze"


@pytest.mark.parametrize(
    ("until", "extra_days", "expected"),
    [
        ("end_of_window", 0, "2026-04-01"),
        ("end_of_next", 0, "2026-05-01"),
        ("end_of_window", 7, "2026-04-08"),
        ("end_of_next", 7, "2026-05-08"),
    ],
    ids=["C63 31 March", "C63 30 April", "C63 7 April", "C63 7 May"],
)
def test_c63_a_monthly_level_holds_to_the_end_of_a_day(until: str, extra_days: int, expected: str) -> None:
    tiers = Tiers.model_validate(
        {"window": "month", "until": until, "extra_days": extra_days, "levels": levels(silver=100)}
    )
    assert until_for(tiers, local("2026-03-10T09:00"), ZONE) == local(expected)
    reached = review(tiers, Standing(), 100, local("2026-03-10T09:00"), ZONE).standing
    assert reached.until == local(expected)


def test_c65_entry_rewards_of_every_level_passed_none_on_keeping_and_again_on_requalifying() -> None:
    tiers = Tiers.model_validate({"window": "calendar_year", "downgrade": "full", "levels": METALS})
    bronze = review(tiers, Standing(), 0, local("2026-01-05"), ZONE)
    up = review(tiers, bronze.standing, 1_000, local("2026-02-01"), ZONE)
    assert [level.id for level in up.entered] == ["silver", "gold", "platinum"]
    kept = review(tiers, up.standing, 1_200, local("2027-01-01"), ZONE)
    assert (kept.entered, kept.change, kept.standing.level_id) == ((), "none", "platinum")
    assert kept.standing.until == local("2028-01-01")
    dropped = review(tiers, kept.standing, 0, local("2028-01-01"), ZONE)
    assert (dropped.standing.level_id, dropped.entered) == ("basic", ())
    again = review(tiers, dropped.standing, 600, local("2028-02-01"), ZONE)
    assert [level.id for level in again.entered] == ["silver", "gold"]


def test_grace_from_the_last_of_january_and_to_a_month_end_that_it_meets() -> None:
    tiers = Tiers.model_validate({"grace": "P1M", "grace_round_to": "month_end"})
    assert grace_end(tiers, local("2026-07-01T10:00"), ZONE) == local("2026-08-01")
    tiers = Tiers.model_validate({"grace": "P1M"})
    assert grace_end(tiers, local("2026-01-31T10:00"), ZONE) == local("2026-02-28")


def test_the_whole_history_gives_the_same_whatever_order_it_comes_in() -> None:
    tiers = Tiers.model_validate({"window": "month", "until": "end_of_next", "levels": levels(silver=100, gold=300)})
    changes = [
        (local("2026-03-10"), 120),
        (local("2026-04-11"), 90),
        (local("2026-04-12"), 20),
        (local("2026-05-03"), 10),
    ]
    expected = Standing("silver", local("2026-03-10"), local("2026-06-01"))
    assert replay(tiers, changes, local("2026-05-20"), ZONE)[0] == expected
    assert replay(tiers, reversed(changes), local("2026-05-20"), ZONE)[0] == expected
    standing, steps = replay(tiers, changes, local("2026-06-02"), ZONE)
    assert standing == Standing()
    assert [step.review.change for step in steps] == ["up", "none", "down"]
