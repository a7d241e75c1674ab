"""What a client sends to a survey page, as a form or as JSON, read into one shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from comeback_kit.bodies import Misfit, check_tree, decode_json
from comeback_kit.errors import BadRequest, FieldError
from comeback_kit.problems import pointer
from feedback.errors import AnswersInvalid, FormUnreadable, MediaTypeUnknown

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 1000
_LARGEST_VERSION: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Sent:
    """One POST: ``fields`` of a form or ``answers`` of JSON; the rest is what the page carried."""

    fields: Mapping[str, Sequence[str]]
    answers: Mapping[str, Any] | None = None
    finish: bool = True
    shown: Sequence[str] | None = None
    version: int | None = None
    lang: str | None = None


def read(body: bytes, content_type: str) -> Sent:
    """Read a body. Raises ``FormUnreadable``, ``AnswersInvalid`` or ``MediaTypeUnknown``."""
    kind = content_type.split(";", 1)[0].strip().lower()
    if kind.endswith("json"):
        return _json(body)
    if kind in (_FORM, ""):
        return _form(body)
    raise MediaTypeUnknown(f"send {_FORM} or application/json")


def _form(body: bytes) -> Sent:
    try:
        fields = parse_qs(
            body.decode("utf-8"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise FormUnreadable("the form is not URL-encoded UTF-8, or has too many fields") from error
    shown = fields.get("_shown")
    return Sent(
        fields={name: values for name, values in fields.items() if not name.startswith("_")},
        shown=None if shown is None else [name for name in shown[0].split(",") if name],
        version=_version(fields.get("_version", [""])[0]),
        lang=fields.get("_lang", [""])[0] or None,
    )


def _version(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= 10 and 0 < int(text) <= _LARGEST_VERSION else None


def _json(body: bytes) -> Sent:
    try:
        document = decode_json(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not valid JSON") from error
    if not isinstance(document, dict):
        raise _wrong("", 'must be an object: {"answers": {"nps": 9}}')
    if "answers" not in document:
        return Sent({}, answers=_clean(document))
    for name in document:
        if name not in ("answers", "finished"):
            raise _wrong(f"/{name}", "is not a field of this call")
    answers, finish = document["answers"], document.get("finished", True)
    if not isinstance(answers, dict):
        raise _wrong("/answers", 'must be an object: {"nps": 9}')
    if not isinstance(finish, bool):
        raise _wrong("/finished", "must be true or false")
    return Sent({}, answers=_clean(answers), finish=finish)


def _clean(answers: dict[str, Any]) -> dict[str, Any]:
    try:
        check_tree(answers)
    except Misfit as error:
        raise _wrong(pointer(["answers", *error.place[-1:]]), str(error)) from error
    return answers


def _wrong(pointer: str, detail: str) -> AnswersInvalid:
    return AnswersInvalid(detail, errors=[FieldError(pointer, detail)])
