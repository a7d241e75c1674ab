"""The languages that a reader's browser asks for. Pure."""

from typing import Final

_MOST_TAGS: Final = 20


def accepted(header: str | None) -> list[str]:
    """The language tags of an ``Accept-Language`` header, best first; ``q=0`` and ``*`` are left out."""
    if not header:
        return []
    weighted: list[tuple[float, str]] = []
    for part in header.split(",")[:_MOST_TAGS]:
        tag, _, parameter = part.partition(";")
        weight = _weight(parameter)
        if weight > 0 and tag.strip() not in ("", "*"):
            weighted.append((weight, tag.strip()[:64]))
    return [tag for _, tag in sorted(weighted, key=lambda one: -one[0])]


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
