"""Scores from the database: counted there, computed in ``scores.py``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg

from comeback_kit.db import Connection
from feedback import scores
from feedback.schemas import Change, Interval, ScoreAnswer

Metric = Literal["nps", "csat", "ces"]

_IN_PERIOD: Final = """($2::text is null or survey_id = $2)
    and ($3::timestamptz is null or {at} >= $3) and ($4::timestamptz is null or {at} < $4)"""
_RATINGS: Final = f"""
    select value, satisfied, count(*) as times from ratings
    where shop_id = $1 and {_IN_PERIOD.format(at="at")} and metric = $5 and counts
    group by value, satisfied order by value, satisfied"""
_RESPONSES: Final = f"""
    select survey_id, survey_version, count(*) as started, count(*) filter (where finished) as completed
    from responses where shop_id = $1 and {_IN_PERIOD.format(at="answered_at")}
    group by survey_id, survey_version order by survey_id, survey_version"""
_INVITATIONS: Final = f"""
    select count(*) as sent, count(*) filter (where state = 'answered') as answered
    from invitations where shop_id = $1 and {_IN_PERIOD.format(at="asked_at")}
      and asked_at is not null and state <> 'superseded'"""


@dataclass(frozen=True, slots=True)
class Period:
    """From (inclusive) to (exclusive); None: open."""

    start: datetime | None
    end: datetime | None


async def score(
    tx: Connection, shop_id: str, metric: Metric, *, survey_id: str | None, period: Period, before: Period | None
) -> ScoreAnswer:
    """The score of a period; for an NPS also how it moved against the period ``before``, where that is given."""
    where = (shop_id, survey_id, period.start, period.end)
    ratings = await tx.fetch(_RATINGS, *where, metric)
    responses = await tx.fetch(_RESPONSES, *where)
    sent = await tx.fetchrow(_INVITATIONS, *where)
    assert sent is not None  # noqa: S101  # an aggregate always has a row
    versions: dict[str, list[int]] = {}
    for row in responses:
        versions.setdefault(row["survey_id"], []).append(row["survey_version"])
    answer: dict[str, Any] = {
        "metric": metric,
        "survey_id": survey_id,
        "from_": period.start,
        "to": period.end,
        "distribution": _distribution(ratings),
        "skipped": sum(row["times"] for row in ratings if row["value"] is None),
        "started": sum(row["started"] for row in responses),
        "completed": sum(row["completed"] for row in responses),
        "sent": sent["sent"],
        "answered": sent["answered"],
        "response_rate": scores.rate(sent["answered"], sent["sent"]),
        "definition_version": scores.DEFINITION_VERSION,
        "survey_versions": versions,
    }
    answer |= _computed(metric, ratings)
    if metric == "nps" and before is not None:
        earlier = await tx.fetch(_RATINGS, shop_id, survey_id, before.start, before.end, metric)
        answer["change"] = _change(earlier, ratings)
    return ScoreAnswer(**answer)


def _counts(ratings: Sequence[asyncpg.Record]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in ratings:
        if row["value"] is not None:
            counts[row["value"]] = counts.get(row["value"], 0) + row["times"]
    return counts


def _distribution(ratings: Sequence[asyncpg.Record]) -> dict[str, int]:
    return {str(value): times for value, times in sorted(_counts(ratings).items())}


def _computed(metric: Metric, ratings: Sequence[asyncpg.Record]) -> dict[str, Any]:
    if metric == "nps":
        nps = scores.nps(_counts(ratings))
        return {
            "score": nps.score,
            "rounded": nps.rounded,
            "n": nps.n,
            "interval": _interval(nps.interval),
            "promoters": nps.promoters,
            "passives": nps.passives,
            "detractors": nps.detractors,
        }
    if metric == "ces":
        ces = scores.ces(_counts(ratings))
        return {"score": ces.score, "n": ces.n, "interval": _interval(ces.interval)}
    given = [row for row in ratings if row["value"] is not None]
    csat = scores.csat(sum(row["times"] for row in given if row["satisfied"]), sum(row["times"] for row in given))
    return {"score": csat.score, "n": csat.n, "interval": _interval(csat.interval), "satisfied": csat.satisfied}


def _interval(interval: scores.Interval | None) -> Interval | None:
    return None if interval is None else Interval(low=interval.low, high=interval.high, level=scores.LEVEL)


def _change(before: Sequence[asyncpg.Record], after: Sequence[asyncpg.Record]) -> Change | None:
    change = scores.nps_change(scores.nps(_counts(before)), scores.nps(_counts(after)))
    if change is None:
        return None
    return Change(difference=change.difference, margin=change.margin, verdict=change.verdict)
