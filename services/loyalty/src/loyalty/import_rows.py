"""Reading an import: JSON Lines or CSV, row by row; a bad row is told by its line and left out."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import ValidationError

from comeback_contracts.instants import is_in_the_future
from comeback_kit.bodies import MAX_SAFE_INTEGER
from comeback_kit.problems import from_validation
from loyalty.schemas.jobs import BadRow, ImportLot, ImportMember

CSV_COLUMNS: Final = (
    "customer_id",
    "points",
    "earned",
    "earned_at",
    "available_at",
    "expires_at",
    "lot_id",
    "tags",
    "birthday",
    "joined",
)
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}")
MOST_BAD: Final = 1000
"""So many bad rows are told; the others are counted."""


class Unreadable(ValueError):
    """The file as a whole is no import; the message says why."""


class Unread(NamedTuple):
    """A row that could not even be split into fields."""

    why: str


def parse(body: bytes, content_type: str, now: datetime) -> tuple[list[tuple[int, dict[str, Any]]], list[BadRow], int]:
    """Good rows as JSON values with their lines, the first bad ones, and how many were bad. Raises ``Unreadable``."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8: {error.reason} at byte {error.start}") from None
    is_csv = "csv" in content_type
    rows = _csv(text) if is_csv else _json_lines(text)
    alike: Counter[str] = Counter()
    good: list[tuple[int, dict[str, Any]]] = []
    bad: list[BadRow] = []
    rejected = 0
    for line, value in rows:
        try:
            if isinstance(value, Unread):
                raise ValueError(value.why)  # noqa: TRY004  # told like any other bad row
            member = ImportMember.model_validate(value)
            _check(member, now)
            if is_csv:
                member = _numbered(member, alike)
            good.append((line, member.model_dump(mode="json")))
        except ValueError as error:
            rejected += 1
            if len(bad) < MOST_BAD:
                bad.append(BadRow(line=line, detail=_detail(error)))
    return good, bad, rejected


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    # Not splitlines(): that ends lines at U+2028, too, which may stand inside a JSON text.
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                yield number, Unread(f"is no JSON: {error}")


def _csv(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        found = reader.fieldnames or ()
    except csv.Error as error:
        raise Unreadable(f"the first line is no CSV: {error}") from None
    if set(found) - set(CSV_COLUMNS) or "customer_id" not in found:
        names = ", ".join(CSV_COLUMNS)
        raise Unreadable(f"the first line must name columns of: {names}; customer_id must be among them")
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the next line may be a good one
            yield reader.reader.line_num, Unread(f"is no CSV: {error}")  # the outer one counts whole rows only
        else:
            yield reader.line_num, _from_csv(row)


def _from_csv(row: dict[str, str | None]) -> Any:
    """One line is one member with at most one lot; several lines of a member add up."""
    if None in row or any(value is None for value in row.values()):
        return Unread("has another number of columns than the first line")
    given = {name: value for name, value in row.items() if value}
    member: dict[str, Any] = {"customer_id": given.get("customer_id", "")}
    for name in ("birthday", "joined"):
        if name in given:
            member[name] = given[name]
    if "tags" in given:
        member["tags"] = tuple((given["tags"] or "").split("|"))
    if "points" in given:
        lot: dict[str, Any] = {
            name: given[name] for name in ("earned_at", "available_at", "expires_at", "lot_id") if name in given
        }
        for name in ("points", "earned"):
            if name in given:
                if not _WHOLE.fullmatch(given[name] or ""):
                    return Unread(f"{name} must be a whole number")
                lot[name] = int(given[name] or "")
        member["lots"] = (lot,)
    return member


def lot_id_of(customer_id: str, lot: ImportLot, number: int) -> str:
    """The id of a lot that has none: the same when the same row comes again. ``number`` tells equal ones apart."""
    text = msgspec.json.encode([customer_id, lot.model_dump(mode="json", exclude={"lot_id"})])
    return f"import:{hashlib.blake2b(text, digest_size=12).hexdigest()}:{number}"


def _numbered(member: ImportMember, alike: Counter[str]) -> ImportMember:
    """The lot of one line with its id: equal lines are lots of their own, like equal lots of one member in JSON."""
    if not member.lots or member.lots[0].lot_id is not None:
        return member
    (lot,) = member.lots
    name = lot_id_of(member.customer_id, lot, 0)
    lot_id = lot_id_of(member.customer_id, lot, alike[name])
    alike[name] += 1
    return member.model_copy(update={"lots": (lot.model_copy(update={"lot_id": lot_id}),)})


def _check(member: ImportMember, now: datetime) -> None:
    if sum(lot.points if lot.earned is None else lot.earned for lot in member.lots) > MAX_SAFE_INTEGER:
        raise ValueError(f"lots: are worth more than {MAX_SAFE_INTEGER} points together")
    for place, lot in enumerate(member.lots):
        if is_in_the_future(lot.earned_at, now):
            raise ValueError(f"lots/{place}/earned_at: is more than 10 minutes in the future")
        if lot.earned is not None and lot.earned < lot.points:
            raise ValueError(f"lots/{place}/earned must be at least points")


def _detail(error: ValueError) -> str:
    return from_validation(error.errors()).detail if isinstance(error, ValidationError) else str(error)
