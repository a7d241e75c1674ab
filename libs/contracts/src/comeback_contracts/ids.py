"""Ids: text, because a storefront's may exceed 2^53 or hold letters."""

import re
from typing import Annotated, Final

from pydantic import Field, StringConstraints

MAX_ID: Final = 128
_PATTERN: Final = r"^[^/\x00-\x1f\x7f-\x9f]+$"
_ID: Final = re.compile(r"[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")

Id = Annotated[str, Field(strict=True), StringConstraints(min_length=1, max_length=MAX_ID, pattern=_PATTERN)]
"""1–128 characters, no slash, no control characters."""


def is_id(text: str) -> bool:
    """Whether the text can be an id."""
    return _ID.fullmatch(text) is not None
