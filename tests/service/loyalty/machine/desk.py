"""What staff and checkouts ask for: adjustments, transfers, points held, rewards taken, and how each of them ends."""

from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from tests.service.loyalty.machine.base import MEMBERS, ORDERS, Machine


class Desk(Machine):
    """Calls that move points at once, or are refused."""

    @rule(member=MEMBERS, points=st.integers(-80, 150).filter(bool))
    def adjust(self, member: str, points: int) -> None:
        self.call(f"members/{member}/adjustments", {"points": points, "reason": "x"})

    @rule(member=MEMBERS, points=st.integers(1, 120), order=ORDERS)
    def hold(self, member: str, points: int, order: str) -> None:
        body = {"points": points, "order_id": order, "order_total": 1_000_000, "currency": "EUR"}
        self._held(self.call(f"members/{member}/redemptions", body))

    @rule(member=MEMBERS, reward=st.sampled_from(["small", "mug"]))
    def take(self, member: str, reward: str) -> None:
        self._held(self.call(f"members/{member}/redemptions", {"reward_id": reward}))

    def _held(self, answer: Any) -> None:
        if answer is not None:
            self.redemptions.append(answer["redemption_id"])
            self.codes.append(answer["code"])

    @precondition(lambda self: self.redemptions)
    @rule(data=st.data(), verb=st.sampled_from(["confirm", "confirm", "cancel", "return"]))
    def resolve(self, data: st.DataObject, verb: str) -> None:
        redemption = data.draw(st.sampled_from(self.redemptions))
        self.call(f"redemptions/{redemption}/{verb}", {})

    @precondition(lambda self: self.redemptions)
    @rule(data=st.data(), points=st.integers(1, 40))
    def confirm_a_part(self, data: st.DataObject, points: int) -> None:
        """The rest is free again; more than is held is refused."""
        redemption = data.draw(st.sampled_from(self.redemptions))
        answer = self.call(f"redemptions/{redemption}/confirm", {"points": points})
        assert answer is None or answer["points"] == points

    @rule(member=MEMBERS, to=MEMBERS, points=st.integers(1, 50), keep=st.booleans())
    def transfer(self, member: str, to: str, points: int, keep: bool) -> None:
        self.call(f"members/{member}/transfers", {"to": to, "points": points, "keep_expiry": keep})
