"""What every read may be told in its query."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query

from comeback_kit.bodies import IdText
from recommendations.engine.suggest import Kind, Question


@dataclass(frozen=True, slots=True)
class Options:
    """The common query parameters."""

    limit: Annotated[int, Query(ge=1, le=50, description="most items to answer")] = 10
    exclude: Annotated[list[IdText] | None, Query(max_length=500, description="products to leave out; repeatable")] = (
        None
    )
    exclude_owned: Annotated[bool, Query(description="leave out what the customer ever bought")] = False
    min_support: Annotated[
        int, Query(ge=1, le=1_000_000, description="least orders (buyers, for `also_bought`) that must say so")
    ] = 1
    backfill: Annotated[bool, Query(description="fill up with what else fits; each item names its `source`")] = True

    def question(self, kind: Kind, now: datetime, **subject: Any) -> Question:
        """The question of a call about ``subject`` (seeds, customer_id, order_id)."""
        return Question(
            kind=kind,
            now=now.timestamp(),
            limit=self.limit,
            exclude=self.exclude or (),
            exclude_owned=self.exclude_owned,
            min_support=self.min_support,
            backfill=self.backfill,
            **subject,
        )


OptionsDep = Annotated[Options, Depends()]
