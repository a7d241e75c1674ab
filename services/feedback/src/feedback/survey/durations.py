"""Durations of a survey document: ISO 8601 in weeks, days, hours, minutes and seconds."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field

LONGEST: Final = timedelta(days=3660)
_FORM: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """The duration of an ISO 8601 text, at most ten years. Raises ``ValueError`` with what to write."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError('must be a duration such as "P3D" (3 days), "PT12H" (12 hours) or "P0D" (at once)')
    duration = timedelta(**{unit: int(value) for unit, value in match.groupdict().items() if value is not None})
    if duration > LONGEST:
        raise ValueError("must be at most 3660 days")
    return duration


def _check(text: str) -> str:
    parse_duration(text)
    return text


Duration = Annotated[str, Field(strict=True, max_length=40), AfterValidator(_check)]
"""An ISO 8601 duration: ``P0D``, ``P3D``, ``PT12H``, ``P2W``."""
