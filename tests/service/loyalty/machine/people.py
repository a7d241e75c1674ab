"""Time, the program, and what customers do and are: activities, birthdays, ids that are one person, ids forgotten."""

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import rule

from tests.service.loyalty.machine.base import LATE, MEMBERS, Machine
from tests.service.loyalty.machine.programs import PROGRAMS
from tests.service.loyalty.world import event, instant


class People(Machine):
    """What happens beside the orders."""

    @rule(member=MEMBERS, number=st.integers(1, 4), late=LATE)
    def activity(self, member: str, number: int, late: bool) -> None:
        at = self.later()
        body = {"activity_id": f"{member}{number}", "customer_id": member, "kind": "review", "at": at}
        self.tell(event("activity.recorded", body, at=self.shop.now), late=late)

    @rule(member=MEMBERS, in_days=st.sampled_from([0, 1, 4, 30]), late=LATE)
    def birthday(self, member: str, in_days: int, late: bool) -> None:
        day = (self.shop.now + timedelta(days=in_days)).date().replace(year=1990)
        body = {"customer_id": member, "birthday": day.isoformat(), "updated_at": self.later()}
        self.tell(event("customer.updated", body, at=self.shop.now), late=late)

    @rule(source=MEMBERS, into=MEMBERS, late=LATE)
    def merge(self, source: str, into: str, late: bool) -> None:
        if source != into:
            body = {"from": source, "into": into, "at": instant(self.shop.now)}
            self.tell(event("customer.merged", body, at=self.shop.now), late=late)

    @rule(member=MEMBERS)
    def erase(self, member: str) -> None:
        self.tell(event("customer.erased", {"customer_id": member, "at": self.later()}, at=self.shop.now))

    @rule(days=st.sampled_from([0.01, 1, 4, 15, 40]), listed=st.booleans())
    def time_passes(self, days: float, listed: bool) -> None:
        """What customers read is the same before and after what has become due of them is done.

        So is what an order would earn. Holds end and birthdays come when their timer rings: that is first.
        """
        self.shop.clock.now += timedelta(days=days)
        while self.run(self.shop.timers()):
            pass
        foretold = self.run(self.foretold())
        if listed:
            foretold |= self.run(self.mine("/transactions"))
        self.run(self.shop.work())
        now = self.run(self.foretold()) | self.run(self.mine("/transactions"))
        moved = {what: (told, now[what]) for what, told in foretold.items() if told != now[what]}
        assert moved == {}

    @rule(program=st.sampled_from(PROGRAMS))
    def another_program(self, program: dict[str, Any]) -> None:
        """Of now on; orders of before stay under theirs. Whether debts are allowed stays the same."""
        self.run(self.shop.program(**program, negative=self.negative))
        self.run(self.shop.work())  # the tiers of members are looked at in the background
