"""Settlement of one order: the arithmetic of CONTRACT §4, and its properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.settlement import NOTHING, Account, Mode, Settlement, reclaim, settle
from tests.unit.loyalty.postings import posted

MODES: list[Mode] = ["clamp", "allow", "pending_only"]
targets = st.integers(0, 1_000)
modes = st.sampled_from(MODES)


def after(account: Account, target: int, mode: Mode = "clamp") -> Account:
    return posted(account, settle(account, target, mode))


SPENT = Account(earned=150, active=50)

CASES: list[tuple[str, Account, int, Mode, Settlement]] = [
    ("first earning", Account(), 120, "clamp", Settlement(restored=120)),
    ("the same again", Account(earned=120, active=120), 120, "clamp", NOTHING),
    ("more", Account(earned=120, active=20), 150, "clamp", Settlement(restored=30)),
    ("pending goes first", Account(earned=100, pending=60, active=40), 30, "clamp",
     Settlement(from_pending=60, from_active=10)),
    ("clamp records what is spent", SPENT, 0, "clamp", Settlement(from_active=50, shortfall=100)),
    ("allow takes it from others", SPENT, 0, "allow", Settlement(from_active=50, from_others=100)),
    ("pending_only leaves the active", Account(earned=100, active=100), 40, "pending_only", Settlement(shortfall=60)),
    ("pending_only takes the pending", Account(earned=100, pending=100), 40, "pending_only",
     Settlement(from_pending=60)),
    ("a rise lowers the shortfall first", Account(earned=150, clawed=50, shortfall=100), 60, "clamp",
     Settlement(shortfall=-60)),
    ("and then goes into the lot", Account(earned=150, clawed=50, shortfall=100), 130, "clamp",
     Settlement(restored=30, shortfall=-100)),
    ("what expired unused is not owed", Account(earned=150, expired=150), 0, "clamp", NOTHING),
    ("nor taken from others", Account(earned=150, expired=100, active=20), 0, "allow",
     Settlement(from_active=20, from_others=30)),
    ("only the spent part is owed", Account(earned=150, expired=90), 0, "clamp", Settlement(shortfall=60)),
    ("and owed once", Account(earned=150, expired=90, shortfall=40), 0, "clamp", Settlement(shortfall=20)),
]  # fmt: skip


@pytest.mark.parametrize(("account", "target", "mode", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_settling(account: Account, target: int, mode: Mode, expected: Settlement) -> None:
    found = settle(account, target, mode)
    assert found == expected
    assert found.is_nothing is (expected == NOTHING)


def test_a_hold_that_is_cancelled_after_the_order_was_returned_pays_the_shortfall() -> None:
    held = Account(earned=150, active=50)
    owing = after(held, 0)
    assert (owing.shortfall, owing.active) == (100, 0)
    freed = Account(owing.earned, owing.clawed, owing.shortfall, 0, 100, 0)
    assert reclaim(freed, "clamp") == Settlement(from_active=100, shortfall=-100)
    assert posted(freed, reclaim(freed, "clamp")) == Account(earned=150, clawed=150)
    assert reclaim(posted(freed, reclaim(freed, "clamp")), "clamp") == NOTHING


def test_a_part_of_a_hold_that_comes_back_pays_that_part() -> None:
    freed = Account(earned=150, clawed=50, shortfall=100, active=30)
    assert reclaim(freed, "clamp") == Settlement(from_active=30, shortfall=-30)


def test_points_that_came_back_and_an_order_that_counts_again_leave_the_points() -> None:
    freed = Account(earned=150, clawed=50, shortfall=100, active=100)
    again = after(freed, 150)
    assert (again.shortfall, again.active, again.settled) == (0, 150, 150)


def test_pending_only_never_takes_active_points_for_a_shortfall() -> None:
    owing = Account(earned=100, shortfall=60, active=100)
    assert reclaim(owing, "pending_only") == NOTHING


@given(st.lists(targets, min_size=1), modes, st.booleans())
def test_settled_is_the_target_and_clawed_is_never_above_earned(steps: list[int], mode: Mode, pending: bool) -> None:
    account = Account()
    for target in steps:
        account = posted(account, settle(account, target, mode), pending=pending)
        assert account.settled == account.earned - account.clawed - account.shortfall == target
        assert 0 <= account.clawed <= account.earned
        assert min(account.pending, account.active, account.shortfall) >= 0
        assert settle(account, target, mode) == NOTHING


@st.composite
def spent_accounts(draw: st.DrawFn) -> Account:
    """An order's account of which something was spent and something expired."""
    earned = draw(st.integers(0, 500))
    spent = draw(st.integers(0, earned))
    expired = draw(st.integers(0, earned - spent))
    return Account(earned=earned, active=earned - spent - expired, expired=expired)


def net(account: Account) -> tuple[int, int, int]:
    return account.earned - account.clawed, account.shortfall, account.active


@given(spent_accounts(), st.lists(targets), targets)
def test_with_clamp_only_the_last_target_matters(start: Account, way: list[int], last: int) -> None:
    direct = after(start, last)
    wandered = start
    for target in way:
        wandered = after(wandered, min(target, start.earned))
    if last <= start.earned:
        assert net(after(wandered, last)) == net(direct)


@given(spent_accounts(), targets, modes)
def test_what_is_owed_is_at_most_what_was_used(start: Account, target: int, mode: Mode) -> None:
    found = settle(start, target, mode)
    kept = start.active if mode == "pending_only" else 0
    assert found.shortfall + found.from_others <= start.used + kept
    assert found.from_active <= start.active
    ended = posted(start, found)
    assert ended.clawed <= ended.earned
    assert target <= ended.settled <= max(target, start.expired)


@given(spent_accounts(), targets, st.integers(0, 500))
def test_points_that_come_back_end_where_they_had_never_been_spent(start: Account, target: int, back: int) -> None:
    """Return, then free a hold of the order = free the hold, then return."""
    back = min(back, start.used)
    target = min(target, start.earned)

    def freed(account: Account) -> Account:
        return Account(
            account.earned, account.clawed, account.shortfall, account.pending, account.active + back, account.expired
        )

    returned_first = freed(after(start, target))
    returned_first = posted(returned_first, reclaim(returned_first, "clamp"))
    assert net(returned_first) == net(after(freed(start), target))


def test_modes_are_those_of_the_program() -> None:
    from loyalty.program.document import Program

    for mode in MODES:
        found: Any = Program.model_validate({"negative": mode}).negative
        assert found == mode
