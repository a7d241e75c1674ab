"""What every read may be told in its query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query

from comeback_kit.bodies import IdText
from recommendations.asking import Call
from recommendations.engine.question import Kind
from recommendations.placement_document import PlacementId


@dataclass(frozen=True, slots=True)
class Options:
    """The common query parameters; what is left out is the placement's affair, without one the usual."""

    placement: Annotated[PlacementId | None, Query(description="the placement whose settings hold")] = None
    limit: Annotated[int | None, Query(ge=1, le=50, description="most items to answer; 10 if not set")] = None
    exclude: Annotated[
        list[IdText] | None, Query(max_length=500, description="products to leave out; repeatable, or with commas")
    ] = None
    exclude_owned: Annotated[bool | None, Query(description="leave out what the customer ever bought")] = None
    min_support: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="least orders (buyers, for `also_bought`) that must say so")
    ] = None
    backfill: Annotated[
        bool | None, Query(description="fill up with what else fits; each item names its `source`; default true")
    ] = None

    def call(self, usual_kind: Kind, kind: Kind | None = None, **subject: Any) -> Call:
        """The call about ``subject`` (seeds, customer_id, order_id)."""
        return Call(
            usual_kind=usual_kind,
            kind=kind,
            placement_id=self.placement,
            limit=self.limit,
            exclude=_each(self.exclude or ()),
            exclude_owned=self.exclude_owned,
            min_support=self.min_support,
            backfill=self.backfill,
            **subject,
        )


def _each(values: Sequence[str]) -> list[str]:
    """The values, and the parts of those with commas; such an id is left out whole too."""
    return [*values, *(part for value in values if "," in value for part in value.split(",") if part)]


OptionsDep = Annotated[Options, Depends()]
