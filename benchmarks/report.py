"""A figure with what it is compared to; the table, and the file that keeps the last figure of every name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Result:
    """One figure.

    ``ratio`` is to ``against`` of the same run; ``least`` or ``most`` is the bar that it has to reach.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def kept(self) -> dict[str, Any]:
        """As in the file."""
        ratio = None if self.ratio is None else _rounded(self.ratio)
        return {"value": _rounded(self.value), "unit": self.unit, "ratio": ratio, "against": self.against}

    @property
    def verdict(self) -> str:
        """Whether the ratio reaches its bar."""
        if self.ratio is None or (self.least is None and self.most is None):
            return ""
        if self.least is not None:
            return f"{'reaches' if self.ratio >= self.least else 'MISSES'} ≥ {self.least:g}"
        assert self.most is not None
        return f"{'keeps' if self.ratio <= self.most else 'MISSES'} ≤ {self.most:g}"


def table(results: Iterable[Result]) -> str:
    """All figures, one a line."""
    rows = [("name", "value", "unit", "ratio", "against", "bar", "")]
    for one in results:
        ratio = "" if one.ratio is None else f"{_rounded(one.ratio):g}"
        rows.append((one.name, f"{_rounded(one.value):,}", one.unit, ratio, one.against or "", one.verdict, one.note))
    widths = [max(len(row[place]) for row in rows) for place in range(6)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[6])).rstrip()
        for row in rows
    )


def merge(results: Iterable[Result], file: Path = RESULTS) -> None:
    """Write the figures into the file; those of other names stay."""
    kept: Mapping[str, Any] = msgspec.json.decode(file.read_bytes()) if file.exists() else {}
    both = {**kept, **{one.name: one.kept for one in results}}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(both.items()))), indent=2) + b"\n")


def _rounded(value: float) -> float:
    """Three digits are more than such a measurement has."""
    if abs(value) >= 1000:
        return round(value)
    return float(f"{value:.3g}")
