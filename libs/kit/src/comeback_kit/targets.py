"""What a request's path and query may hold: text, as bodies do. Checked once, before anything reads them."""

from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from comeback_kit.errors import FieldError, Unprocessable

_PAGES: Final = ("/f/", "/p/")  # an altered link is no valid link there, whatever was altered
_REPLACED: Final = "\ufffd"


def check_target(scope: Scope) -> None:
    """Refuse NUL in the query, and what is no UTF-8 (a lone surrogate) in path or query. Raises ``Unprocessable``.

    Servers put U+FFFD in such places, and a caller would be asked about an id that nobody sent. NUL in a path is the
    endpoint's to refuse, which knows the parameter's name.
    """
    path: str = scope["path"]
    if path.startswith(_PAGES):
        return
    if _REPLACED in path and not _is_text(unquote_to_bytes(scope.get("raw_path") or b"")):
        raise _refusal("/path", "is not UTF-8")
    query: bytes = scope.get("query_string", b"")
    if b"%" not in query:
        return
    for pair in query.split(b"&"):
        value = unquote_to_bytes(pair)
        if b"\0" in value:
            raise _refusal(_pointer(pair), "must not contain NUL")
        if not _is_text(value):
            raise _refusal(_pointer(pair), "is not UTF-8")


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pointer(pair: bytes) -> str:
    name = unquote_to_bytes(pair.partition(b"=")[0])
    return f"/query/{_escaped(name.decode(errors='replace'))}" if name and b"\0" not in name else "/query"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refusal(pointer: str, detail: str) -> Unprocessable:
    return Unprocessable(f"{pointer} {detail}", errors=[FieldError(pointer, detail)])
