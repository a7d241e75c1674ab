"""The body of ``POST /v1/events``: one event or a batch, as plain JSON values."""

import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from comeback_kit.errors import BadRequest, FieldError, Unprocessable

MOST_EVENTS: Final = 500


@dataclass(frozen=True, slots=True)
class Posted:
    """The events of a request. ``single``: the body was one event, so pointers start at its root."""

    events: list[Any]
    single: bool

    def pointer(self, index: int) -> str:
        """Where an event stands in the body."""
        return "" if self.single else f"/events/{index}"


def read(body: bytes) -> Posted:
    """The posted events. Raises ``BadRequest`` for broken JSON, ``Unprocessable`` for a body of another shape."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise _refused("", "must be one event, or an object with `events`")
    if "events" not in value:
        return Posted([value], single=True)
    events = value["events"]
    if len(value) > 1:
        unknown = next(name for name in value if name != "events")
        raise _refused(_pointer(unknown), "is not a known field beside `events`")
    if not isinstance(events, list) or not 1 <= len(events) <= MOST_EVENTS:
        raise _refused("/events", f"must be a list of 1 to {MOST_EVENTS} events")
    return Posted(events, single=False)


def parse_json(body: bytes) -> Any:
    """Any JSON value. Raises ``BadRequest``.

    What is JSON by its grammar and cannot be held (a lone surrogate, a number beyond all bounds) is parsed all the
    same, so that the contract can say which field it is.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError as error:
        raise BadRequest("the body is nested too deep") from error
    except ValueError as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _pointer(name: str) -> str:
    text = name.encode("utf-8", "replace").decode()
    return "/" + text.replace("~", "~0").replace("/", "~1")


def _refused(pointer: str, detail: str) -> Unprocessable:
    return Unprocessable(f"{pointer or 'the body'} {detail}", errors=[FieldError(pointer, detail)])
