"""The surveys of a shop: those that every shop has, and what it has set itself, by version."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from comeback_kit.db import Connection
from feedback.errors import SurveyUnknown, VersionConflict
from feedback.survey.defaults import DEFAULTS
from feedback.survey.document import Survey

SurveyKey: TypeAlias = tuple[str, str, int]  # shop, survey, version
_MOST_KEPT: Final = 2000


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a survey; it never changes. ``created_at`` None: every shop has it from the start."""

    survey_id: str
    version: int
    survey: Survey
    created_at: datetime | None = None


class SurveyCache:
    """Documents that this process has read; a version never changes, so they never go stale."""

    def __init__(self) -> None:
        self._kept: OrderedDict[SurveyKey, Version] = OrderedDict()

    def get(self, key: SurveyKey) -> Version | None:
        """The version, if it is kept."""
        return self._kept.get(key)

    def keep(self, shop_id: str, version: Version) -> None:
        """Keep a version that was read from the database."""
        self._kept[shop_id, version.survey_id, version.version] = version
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


async def current(tx: Connection, shop_ids: Iterable[str], cache: SurveyCache) -> dict[str, dict[str, Version]]:
    """The newest version of every survey of these shops: shop → survey → version."""
    shops = sorted(set(shop_ids))
    found = {shop_id: {name: Version(name, 1, survey) for name, survey in DEFAULTS.items()} for shop_id in shops}
    rows = await tx.fetch(
        """select s.shop_id, s.survey_id, max(s.version) as version
           from surveys s join unnest($1::text[]) as w(shop_id) using (shop_id)
           group by s.shop_id, s.survey_id order by s.shop_id, s.survey_id""",
        shops,
    )
    documents = await _read(tx, [(row["shop_id"], row["survey_id"], row["version"]) for row in rows], cache)
    for (shop_id, survey_id, _), version in documents.items():
        found[shop_id][survey_id] = version
    return found


async def current_of(tx: Connection, shop_id: str, survey_id: str, cache: SurveyCache) -> Version:
    """The newest version of one survey. Raises ``SurveyUnknown``."""
    version = (await current(tx, [shop_id], cache))[shop_id].get(survey_id)
    if version is None:
        raise SurveyUnknown
    return version


async def version_of(tx: Connection, shop_id: str, survey_id: str, version: int, cache: SurveyCache) -> Version:
    """One version of a survey. Raises ``SurveyUnknown``."""
    key = (shop_id, survey_id, version)
    found = (await _read(tx, [key], cache)).get(key)
    if found is not None:
        return found
    if version == 1 and survey_id in DEFAULTS:
        return Version(survey_id, 1, DEFAULTS[survey_id])
    raise SurveyUnknown


async def put(
    tx: Connection, shop_id: str, survey_id: str, survey: Survey, *, actor: str, now: datetime, read: int | None
) -> Version:
    """Add a version. ``read``: the version that the change was made to; another newest one is a ``VersionConflict``."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 11))", f"{shop_id}\x1f{survey_id}")
    newest = await tx.fetchval(
        "select max(version) from surveys where shop_id = $1 and survey_id = $2", shop_id, survey_id
    )
    last: int = newest or (1 if survey_id in DEFAULTS else 0)
    if read is not None and read != last:
        raise VersionConflict(f"the survey is at version {last}, this change was made to version {read}: read it again")
    await tx.execute(
        """insert into surveys (shop_id, survey_id, version, document, actor, created_at)
           values ($1, $2, $3, $4, $5, $6)""",
        shop_id,
        survey_id,
        last + 1,
        survey.model_dump(mode="json"),
        actor,
        now,
    )
    return Version(survey_id, last + 1, survey, now)


async def _read(tx: Connection, keys: list[SurveyKey], cache: SurveyCache) -> Mapping[SurveyKey, Version]:
    found = {key: kept for key in keys if (kept := cache.get(key)) is not None}
    missing = [key for key in keys if key not in found]
    if not missing:
        return found
    rows = await tx.fetch(
        """select s.shop_id, s.survey_id, s.version, s.document, s.created_at
           from surveys s join unnest($1::text[], $2::text[], $3::int[]) as w(shop_id, survey_id, version)
             using (shop_id, survey_id, version)""",
        [key[0] for key in missing],
        [key[1] for key in missing],
        [key[2] for key in missing],
    )
    for row in rows:
        survey = Survey.model_validate(row["document"])
        version = Version(row["survey_id"], row["version"], survey, row["created_at"])
        cache.keep(row["shop_id"], version)
        found[row["shop_id"], row["survey_id"], row["version"]] = version
    return found
