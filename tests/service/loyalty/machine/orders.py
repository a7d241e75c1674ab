"""Orders and refunds: in turn, late, in any order, again, under another customer, on another day, with a code."""

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import precondition, rule

from tests.service.loyalty.machine.base import LATE, MEMBERS, ORDERS, Machine
from tests.service.loyalty.world import changes, instant, line


class Orders(Machine):
    """What the shop tells of its orders."""

    @rule(
        order=ORDERS,
        member=MEMBERS,
        amount=st.integers(0, 200),
        state=st.sampled_from(["open", "open", "open", "cancelled"]),
        days=st.sampled_from([0, 0, 4, 25]),
        late=LATE,
    )
    def order(self, order: str, member: str, amount: int, state: str, days: int, late: bool) -> None:
        self.shop.clock.now += timedelta(days=days)  # and the jobs are late: what is due is not done yet
        lines = self.goods[order] = [line("1", amount * 50), line("2", amount * 50)]
        changes: dict[str, Any] = {"lines": lines, "state": state, "updated_at": self.later()}
        changes["attributes"] = {"note": f"engraved for {member}"}
        self.tell(self.shop.order_event(order, customer=member, **changes), late=late)

    @rule(order=ORDERS, amount=st.integers(1, 200), late=LATE)
    def order_of_nobody(self, order: str, amount: int, late: bool) -> None:
        """Only the next event says who bought it; where one said so before, that stays."""
        lines = self.goods[order] = [line("1", amount * 100)]
        self.tell(self.shop.order_event(order, customer=None, lines=lines, updated_at=self.later()), late=late)

    @precondition(lambda self: self.goods)
    @rule(data=st.data(), member=MEMBERS, days=st.sampled_from([0, 1, 4, 9, 25]), delivered=st.booleans(), late=LATE)
    def order_of_another_day(self, data: st.DataObject, member: str, days: int, delivered: bool, late: bool) -> None:
        """The same goods again, and the shop says that they were bought at another time, perhaps by somebody else."""
        order = data.draw(st.sampled_from(sorted(self.goods)))
        placed = self.shop.now - timedelta(days=days)
        more = {"delivered_at": instant(placed), "fulfilment_state": "delivered"} if delivered else {}
        again: dict[str, Any] = {"lines": self.goods[order], "placed_at": placed, "updated_at": self.later(), **more}
        self.tell(self.shop.order_event(order, customer=member, **again), late=late)

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), order=ORDERS, member=MEMBERS, amount=st.integers(100, 200), late=LATE)
    def order_with_a_code(self, data: st.DataObject, order: str, member: str, amount: int, late: bool) -> None:
        """The order carries the code of a redemption, which may be over by then or somebody else's."""
        code = data.draw(st.sampled_from(self.codes))
        lines = self.goods[order] = [line("1", amount * 100)]
        more: dict[str, Any] = {"discounts": [{"code": code, "amount": 500}], "updated_at": self.later()}
        self.tell(self.shop.order_event(order, customer=member, lines=lines, **more), late=late)

    @rule(order=ORDERS, amount=st.integers(1, 10_000), refund=st.sampled_from(["r1", "r2"]), late=LATE)
    def refund(self, order: str, amount: int, refund: str, late: bool) -> None:
        self.tell(self.shop.refund_event(order, amount, f"{order}{refund}", at=self.shop.now), late=late)

    @precondition(lambda self: self.kept_back)
    @rule(data=st.data(), together=st.booleans())
    def come_late(self, data: st.DataObject, together: bool) -> None:
        """Some of what was kept back, in any order: each by itself, or in one batch."""
        coming = data.draw(st.permutations(self.kept_back).map(lambda found: found[:4]))
        for one in coming:
            self.kept_back.remove(one)
        if not together:
            for one in coming:
                self.deliver_one(one)
            return
        self.run(self.shop.take(*coming))
        self.events += coming
        for one in coming:
            self.note(msgspec.json.decode(one.data).get("order", {}))

    @precondition(lambda self: self.events)
    @rule(data=st.data(), together=st.booleans())
    def replay(self, data: st.DataObject, together: bool) -> None:
        """Old events again, in any order: nothing moves but what time has made due."""
        again = data.draw(st.permutations(self.events).map(lambda found: found[:6]))
        self.run(self.shop.work())
        before = self.run(self.shop.everything())
        self.run(self.shop.take(*again, together=together))
        found = changes(before, self.run(self.shop.everything()))
        assert found == [], found
