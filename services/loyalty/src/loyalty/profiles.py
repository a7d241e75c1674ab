"""What is known of a person under two ids, once these are one; see ``merging``.

Of each field the later statement holds, whichever id it was about, as if it had been about one all along. So nothing
moves when an old statement comes again. What both ids hold a part of gets an instant right behind both statements: the
later one would else take the place of the whole when it comes again.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from comeback_contracts.field_merge import Fields, merge_fields
from comeback_contracts.instants import format_instant, parse_instant
from comeback_kit.db import Connection

_READ: Final = """
select customer_id, tags, birthday, joined, fields from profiles where shop_id = $1 and customer_id = any($2::text[])"""
_TAKE: Final = "update profiles set customer_id = $3 where shop_id = $1 and customer_id = $2"
_WRITE: Final = """
update profiles set tags = $3::text[], birthday = $4, joined = $5, fields = $6::jsonb
where shop_id = $1 and customer_id = $2"""
_DROP: Final = "delete from profiles where shop_id = $1 and customer_id = $2"
_MICROSECOND: Final = timedelta(microseconds=1)


async def join(tx: Connection, shop_id: str, gone: str, stays: str) -> None:
    """Let what is known of one locked member be known of another."""
    found = {row["customer_id"]: dict(row) for row in await tx.fetch(_READ, shop_id, [gone, stays])}
    if gone not in found:
        return
    if stays not in found:
        await tx.execute(_TAKE, shop_id, gone, stays)
        return
    await tx.execute(_WRITE, shop_id, stays, *_joined(found[stays], found[gone]))
    await tx.execute(_DROP, shop_id, gone)


def _joined(stays: Mapping[str, Any], gone: Mapping[str, Any]) -> tuple[Any, ...]:
    """Tags, birthday, when they joined, and the fields of one row out of two."""
    fields = together(stays["fields"], gone["fields"])
    birthday = fields["birthday"][0] if "birthday" in fields else stays["birthday"] or gone["birthday"]
    joined = min((one["joined"] for one in (stays, gone) if one["joined"] is not None), default=None)
    return sorted({*stays["tags"], *gone["tags"]}), birthday, joined, fields


def together(one: Fields, other: Fields) -> Fields:
    """The fields of both: all tags, the first registration, a birthday although it was not known under one id."""
    found = merge_fields(one, other)
    for name in ("tags", "birthday", "registered"):
        if name in one and name in other:
            value = _of_both(name, one[name][0], other[name][0])
            if value is not None and value != found[name][0]:
                found = {**found, name: [value, _after(one[name][1], other[name][1])]}
    return found


def _of_both(name: str, one: Any, other: Any) -> Any:
    """What holds whenever it was stated; None where that decides."""
    if one is None or other is None:
        return one if other is None else other
    if name == "tags":
        return sorted({*one, *other})
    return min(one, other, key=parse_instant) if name == "registered" else None


def _after(*instants: str) -> str:
    return format_instant(max(parse_instant(one) for one in instants) + _MICROSECOND)
