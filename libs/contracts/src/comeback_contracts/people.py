"""How people are reached: checked only so far that nothing else can be smuggled in."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

EMAIL_PATTERN: Final = r"^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+$"

Email = Annotated[str, Field(strict=True), StringConstraints(max_length=320, pattern=EMAIL_PATTERN)]
"""Something with one @ and no spaces; whether mail arrives is found out by sending it."""

Phone = Annotated[
    str, Field(strict=True), StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""A phone number as the shop has it; only E.164 (``+49…``) tells guests apart."""

Birthday = Annotated[
    str, Field(strict=True), StringConstraints(pattern=r"^(?:[0-9]{4}|-)-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$")
]
"""``1990-01-31``, or ``--01-31`` where the year is not known."""
