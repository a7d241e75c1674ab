"""The programs that random histories live under; between them they have every part that changes what is booked."""

from typing import Any

_DOUBLED = {"id": "s", "threshold": 80, "benefits": {"multiplier": "2"}, "entry": {"points": 7}}
_BY_POINTS = {"basis": "points", "window": "month", "downgrade": "full", "levels": [_DOUBLED]}
_DEEDS = [
    {"id": "base"},
    {"id": "review", "kind": "activity", "activity": "review", "points": 15, "limit": {"times": 1, "period": "day"}},
    {"id": "cake", "kind": "birthday", "points": 60},
]

PROGRAMS: list[dict[str, Any]] = [
    {},
    {"pending": {"kind": "days", "days": 3}, "expiry": {"kind": "rolling", "days": 20}, "spent_points": "proportional"},
    {"tiers": _BY_POINTS, "caps": [{"points": 150, "period": "day"}], "clawback_mode": "proportional"},
    {
        "pending": {"kind": "days", "days": 3},
        "tiers": {
            "basis": "points",
            "window": "month",
            "downgrade": "full",
            "levels": [{"id": "s", "threshold": 40, "benefits": {"multiplier": "2"}}],
        },
    },
    {"expiry": {"kind": "sliding", "days": 10}, "rules": [{"id": "first", "kind": "first_purchase", "points": 40}]},
    {"pending": {"kind": "until", "until": "2026-03-14T12:00:00Z"}, "expiry": {"kind": "rolling", "days": 8}},
    {"pending": {"kind": "delivered", "days": 2}, "expiry": {"kind": "rolling", "days": 15}},
    {"rules": _DEEDS, "tiers": {**_BY_POINTS, "basis": "balance", "window": "ever"}, "spent_points": "never"},
    {
        "rules": [*_DEEDS, {"id": "visit", "kind": "visit", "points": 9, "limit": {"times": 2, "period": "month"}}],
        "expiry": {"kind": "calendar", "months": 0, "round_to": "month_end"},
        "on_insufficient": "trim",
    },
]
