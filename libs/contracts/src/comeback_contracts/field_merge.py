"""Data that merges field by field: per field the later statement holds (CONTRACT §2, "Data of the smaller types").

Absent is unchanged, ``null`` clears. At equal times, as for orders: null loses to any value, otherwise the greater
RFC 8785 text wins. The merge is commutative, associative and idempotent.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import rfc8785

from comeback_contracts.instants import canonical

Fields: TypeAlias = dict[str, list[Any]]
"""Field → ``[value, instant]``, plain JSON. Never change one in place: merged ones share their parts."""

_NOT_FIELDS: Final = frozenset({"updated_at"})


def stated(data: Mapping[str, Any], event_time: str, *, without: Iterable[str] = ()) -> Fields:
    """What an event's data states, and when: its ``updated_at``, else the event's time.

    ``without`` names its ids. Raises ``ValueError`` for an instant that is none.
    """
    at = canonical(data.get("updated_at") or event_time)
    left_out = _NOT_FIELDS.union(without)
    return {name: [value, at] for name, value in data.items() if name not in left_out}


def merge_fields(a: Fields, b: Fields) -> Fields:
    """What both state together; ``a`` itself where ``b`` adds nothing."""
    news = {name: said for name, said in b.items() if name not in a or beats(said, a[name])}
    return {**a, **news} if news else a


def values(fields: Fields) -> dict[str, Any]:
    """The present value of every field that has one."""
    return {name: value for name, (value, _) in fields.items() if value is not None}


def beats(new: list[Any], old: list[Any]) -> bool:
    """Whether one statement of a field holds against another."""
    if new[1] != old[1]:
        return bool(new[1][:-1] > old[1][:-1])
    if new[0] is None or old[0] is None:
        return new[0] is not None and old[0] is None
    return rfc8785.dumps(new[0]) > rfc8785.dumps(old[0])
