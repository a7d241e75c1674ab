"""Work in the background, previews of programs, and imports."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from comeback_contracts.instants import Instant
from comeback_kit.bodies import MAX_SAFE_INTEGER
from comeback_kit.http import Answer, Body, IdText
from loyalty.program.document import Program
from loyalty.program.fields import Integer

Count = Annotated[Integer, Field(ge=0, le=MAX_SAFE_INTEGER)]


def _check_day(value: str) -> str:
    date.fromisoformat(value)
    return value


Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_check_day)]


class ProgramPreviewBody(Body):
    """A changed program, and how many of the newest orders to try it on."""

    program: Program
    orders: Annotated[Integer, Field(ge=1, le=10_000)] = 1000


class OrderChange(Answer):
    """An order that would have earned something else."""

    order_id: str
    customer_id: str | None
    points_before: int
    points_after: int


class OrdersPreview(Answer):
    """What the newest orders would have earned; ``changes`` lists the largest differences."""

    count: int
    changed: int
    points_before: int
    points_after: int
    changes: list[OrderChange]


class TierMove(Answer):
    """So many members would be in another tier (null: none)."""

    before: str | None = Field(serialization_alias="from")
    after: str | None = Field(serialization_alias="to")
    members: int


class TiersPreview(Answer):
    """Where every member would be. ``before`` and ``after`` count members by tier (``none``: no tier)."""

    members: int
    moved: int
    moves: list[TierMove]
    before: dict[str, int]
    after: dict[str, int]


class ProgramPreviewAnswer(Answer):
    """What a changed program would have done. Nothing was written."""

    orders: OrdersPreview
    tiers: TiersPreview


class JobAnswer(Answer):
    """Work in the background. ``result`` is there when the state is ``done``, ``detail`` when it is ``failed``.

    ``detail`` says what to do. A job whose trouble passes by itself never fails: it goes on.
    """

    job_id: str
    kind: Literal["program_preview", "member_import"]
    state: Literal["running", "done", "failed"]
    done: int
    total: int | None
    result: dict[str, Any] | None
    detail: str | None = None
    created_at: datetime
    updated_at: datetime


class ImportLot(Body):
    """Points that a member brings along: ``earned`` then (default: ``points``), of which ``points`` are left."""

    lot_id: IdText | None = None
    points: Count
    earned: Count | None = None
    earned_at: Instant
    available_at: Instant | None = None
    expires_at: Instant | None = None


class ImportMember(Body):
    """One member of an import."""

    customer_id: IdText
    lots: tuple[ImportLot, ...] = Field(default=(), max_length=10_000)
    tags: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] | None = Field(default=None, max_length=250)
    birthday: Day | None = None
    joined: Day | None = None


class BadRow(Answer):
    """A row of an import that was left out."""

    line: int
    detail: str


class ImportAnswer(Answer):
    """An import: good rows are booked in the background, bad ones are listed here and left out."""

    job_id: str
    accepted: int
    rejected: int
    bad_rows: list[BadRow]
