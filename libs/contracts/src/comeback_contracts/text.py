"""Text that every database, broker and JSON reader can hold: no NUL, no lone surrogates."""

import re
from typing import Annotated, Final

from pydantic import Field, StringConstraints

MAX_TEXT: Final = 4096
NO_NUL: Final = r"^[^\x00]*$"

Text = Annotated[str, Field(strict=True), StringConstraints(max_length=MAX_TEXT, pattern=NO_NUL)]
"""Any text of at most 4,096 characters."""

ShortText = Annotated[str, Field(strict=True), StringConstraints(min_length=1, max_length=256, pattern=NO_NUL)]
"""A name, a code, a label: 1–256 characters."""

LongText = Annotated[str, Field(strict=True), StringConstraints(max_length=65_536, pattern=NO_NUL)]
"""What a person wrote: at most 65,536 characters."""

Url = Annotated[str, Field(strict=True), StringConstraints(max_length=MAX_TEXT, pattern=r"^https?://[^\s\x00]+$")]
"""An absolute http(s) address."""

Locale = Annotated[
    str, Field(strict=True), StringConstraints(max_length=64, pattern=r"^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$")
]
"""A language tag (BCP 47; an underscore is taken too): ``de``, ``pt-BR``."""

Country = Annotated[str, Field(strict=True), StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2: ``DE``."""

TimeZone = Annotated[
    str,
    Field(strict=True),
    StringConstraints(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}$"),
]
"""The form of an IANA zone name; whether it exists is the reader's to say, who has the zone data."""

_NUL_ESCAPE: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def is_clean(text: str) -> bool:
    """Whether the text has neither NUL nor a lone surrogate."""
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    return not any("\ud800" <= character <= "\udfff" for character in text)


def has_escaped_nul(document: bytes) -> bool:
    r"""Whether a JSON document says ``\u0000`` somewhere (``\\u0000`` is a backslash and five characters)."""
    return b"\\u0000" in document and _NUL_ESCAPE.search(document) is not None
