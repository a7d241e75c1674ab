"""A lot in which nothing was booked is settled without an account, and to the same end."""

from datetime import UTC, datetime

import pytest

from loyalty.books import LotRow
from loyalty.settlement import Mode, settle
from loyalty.settling import _difference
from tests.unit.loyalty.orders import program

AT = datetime(2026, 3, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize("mode", ["clamp", "allow", "pending_only"])
@pytest.mark.parametrize("target", [0, 1, 250])
@pytest.mark.parametrize("available_at", [AT, None])
def test_a_first_settlement_is_what_the_account_says(mode: Mode, target: int, available_at: datetime | None) -> None:
    lot = LotRow.new("order:1", program_version=1, earned_at=AT, available_at=available_at, expires_at=None, now=AT)
    assert _difference(lot, target, program(negative=mode)) == settle(lot.account, target, mode)
