"""Each posted event on its own: accepted as it goes on the log, or refused with pointers to what is wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from comeback_contracts.ids import is_id
from comeback_contracts.instants import IN_THE_FUTURE, format_instant, is_in_the_future, parse_instant
from comeback_contracts.problems import DOES_NOT_ADD_UP, INVALID, FieldProblem, InvalidData, pointer
from comeback_contracts.registry import EVENT_TYPES
from comeback_contracts.validation import validate
from comeback_kit.errors import DomainError, FieldError, TooLarge, Unprocessable
from comeback_kit.events import MAX_EVENT_BYTES
from comeback_kit.log.port import Entry
from gateway.entries import Checked, Origin, entries_of
from gateway.errors import DoesNotAddUp, InTheFuture
from gateway.shops import is_time_zone

_FIELDS: Final = frozenset({"id", "type", "occurred_at", "data"})
_BY_CODE: Final[dict[str, type[DomainError]]] = {DOES_NOT_ADD_UP: DoesNotAddUp, IN_THE_FUTURE: InTheFuture}
_MOST_ERRORS: Final = 20
_SHOP: Final = "shop.upserted"


@dataclass(frozen=True, slots=True)
class Accepted:
    """``event`` is as it was checked, ``entries`` what the log gets of it."""

    event: Checked
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Rejected:
    """``event_id`` is None where the event has none."""

    event_id: str | None
    error: DomainError


Verdict = Accepted | Rejected


def judge(posted: Any, place: str, origin: Origin, now: datetime) -> Verdict:
    """The verdict on one event. ``place`` is its pointer in the body (``""`` or ``/events/3``)."""
    try:
        event = _check(posted, origin.shop_id, now)
        entries = entries_of(event, origin)
        if any(len(entry.value) > MAX_EVENT_BYTES for entry in entries):
            raise TooLarge(f"the event is larger than {MAX_EVENT_BYTES} bytes")
    except InvalidData as error:
        return Rejected(_id_of(posted), _refusal(error, place))
    except TooLarge as error:
        return Rejected(_id_of(posted), error)
    return Accepted(event, entries)


def _check(posted: Any, shop_id: str, now: datetime) -> Checked:
    if not isinstance(posted, dict):
        raise InvalidData(INVALID, [FieldProblem("", "must be an event: {id, type, occurred_at, data}")])
    problems = [FieldProblem(_clean(pointer([name])), "is not a known field") for name in posted if name not in _FIELDS]
    problems += [FieldProblem(f"/{name}", "is missing") for name in sorted(_FIELDS) if posted.get(name) is None]
    if not problems:
        problems = _envelope_problems(posted)
    if problems:
        raise InvalidData(INVALID, problems)
    happened = _happened(posted["occurred_at"], now)
    kind = posted["type"]
    try:
        data = validate(kind, posted["data"], time=happened, now=now)
    except InvalidData as error:
        raise _inside_data(error) from None
    if kind == _SHOP:
        _check_shop(data, shop_id)
    return Checked(posted["id"], kind, format_instant(happened), data)


def _check_shop(data: dict[str, Any], shop_id: str) -> None:
    if data["shop_id"] != shop_id:
        raise InvalidData(INVALID, [FieldProblem("/data/shop_id", "must be the shop that the key belongs to")])
    if not is_time_zone(data["time_zone"]):
        raise InvalidData(INVALID, [FieldProblem("/data/time_zone", "is no IANA time zone")])


def _envelope_problems(posted: dict[str, Any]) -> list[FieldProblem]:
    problems = []
    if not isinstance(posted["id"], str) or not is_id(posted["id"]):
        problems.append(FieldProblem("/id", "must be 1 to 128 characters without slash or control characters"))
    kind = posted["type"]
    known = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    if known is None:
        problems.append(FieldProblem("/type", "is no event type of the contract"))
    elif not known.is_accepted:
        problems.append(FieldProblem("/type", "is told by Comeback itself and cannot be posted"))
    return problems


def _happened(text: Any, now: datetime) -> datetime:
    try:
        instant = parse_instant(text if isinstance(text, str) else "")
    except ValueError as error:
        raise InvalidData(INVALID, [FieldProblem("/occurred_at", str(error))]) from None
    if is_in_the_future(instant, now):
        raise InvalidData(IN_THE_FUTURE, [FieldProblem("/occurred_at", "is more than 10 minutes in the future")])
    return instant


def _inside_data(error: InvalidData) -> InvalidData:
    return InvalidData(error.code, [FieldProblem("/data" + one.pointer, one.detail) for one in error.errors])


def _refusal(error: InvalidData, place: str) -> DomainError:
    fields = [FieldError(place + _clean(one.pointer), _clean(one.detail)) for one in error.errors[:_MOST_ERRORS]]
    refusal = _BY_CODE.get(error.code, Unprocessable)
    return refusal("; ".join(f"{one.pointer or 'the event'} {one.detail}" for one in fields[:3]), errors=fields)


def _id_of(posted: Any) -> str | None:
    found = posted.get("id") if isinstance(posted, dict) else None
    return _clean(found)[:128] if isinstance(found, str) else None


def _clean(text: str) -> str:
    """Callers' own words go back to them as JSON, which has no lone surrogates."""
    return text.encode("utf-8", "replace").decode()
