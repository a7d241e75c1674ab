"""Orders, programs and a one-order wallet for the tests of pure rules."""

from typing import Any

from loyalty.program.checks import check_program
from loyalty.program.document import Program
from loyalty.rules.compiled import CompiledProgram, compile_program
from loyalty.rules.evaluation import Evaluation, evaluate
from loyalty.rules.facts import fix
from loyalty.rules.kept import Facts
from loyalty.settlement import Account, Mode, settle
from tests.unit.loyalty.postings import posted

PLACED = "2026-03-04T10:00:00Z"


def line(line_id: str, total: int, **fields: Any) -> dict[str, Any]:
    """A line of one unit with that total, no tax, no discount."""
    quantity = fields.pop("quantity", 1)
    return {
        "line_id": line_id,
        "product_id": f"product-{line_id}",
        "sku": f"sku-{line_id}",
        "title": line_id,
        "category_ids": [],
        "quantity": quantity,
        "unit_price": total // quantity,
        "discount": 0,
        "tax": 0,
        "total": total,
        "is_gift_card": False,
        **fields,
    }


def order(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A paid order of the customer ``ada``; refunds are given as a list."""
    given = list(lines) or [line("1", 10_000)]
    refunds = {refund["refund_id"]: refund for refund in fields.pop("refunds", [])}
    return {
        "order_id": "1001",
        "state": "open",
        "payment_state": "paid",
        "fulfilment_state": "unfulfilled",
        "is_test": False,
        "channel": "web",
        "currency": "EUR",
        "tax_included": True,
        "customer": {"customer_id": "ada"},
        "lines": given,
        "discounts": [],
        "shipping": 0,
        "tax": 0,
        "tip": 0,
        "total": sum(one["total"] for one in given),
        "refunds": refunds,
        "placed_at": PLACED,
        "paid_at": PLACED,
        "updated_at": PLACED,
        **fields,
    }


def refund(refund_id: str, amount: int, *lines: tuple[str, int, int], **fields: Any) -> dict[str, Any]:
    """A refund; ``lines`` are (line_id, quantity, amount)."""
    parts = [{"line_id": line_id, "quantity": quantity, "amount": part} for line_id, quantity, part in lines]
    return {
        "refund_id": refund_id,
        "at": PLACED,
        "lines": parts,
        "shipping": 0,
        "amount": amount,
        "updated_at": PLACED,
        **fields,
    }


def program(currency: str = "EUR", zone: str = "UTC", **document: Any) -> CompiledProgram:
    """A valid program, compiled."""
    found = Program.model_validate(document)
    check_program(found)
    return compile_program(found, currency=currency, zone=zone)


def worth(compiled: CompiledProgram, given: dict[str, Any], facts: Facts = Facts()) -> Evaluation:  # noqa: B008  # frozen
    """The evaluation of an order that counts for the first time."""
    return evaluate(compiled, given, fix(compiled, given, facts))


def points(compiled: CompiledProgram, given: dict[str, Any], facts: Facts = Facts()) -> int:  # noqa: B008  # frozen
    """The target of an order that counts for the first time."""
    return worth(compiled, given, facts).points


class Wallet:
    """One order's account and the balance beside it, settled as the service does."""

    def __init__(self, balance: int = 0, mode: Mode = "clamp") -> None:
        self.account = Account()
        self.mode: Mode = mode
        self.other = balance
        self.entries: list[int] = []

    @property
    def balance(self) -> int:
        return self.other + self.account.active

    def settle(self, target: int) -> int:
        """Post the difference; returns the movement of the balance."""
        before = self.balance
        found = settle(self.account, target, self.mode)
        self.account = posted(self.account, found)
        self.other -= found.from_others
        if self.balance != before:
            self.entries.append(self.balance - before)
        return self.balance - before

    def spend(self, count: int) -> None:
        """Spend points of the order first."""
        own = min(count, self.account.active)
        account = self.account
        self.account = Account(
            account.earned, account.clawed, account.shortfall, account.pending, account.active - own, account.expired
        )
        self.other -= count - own
