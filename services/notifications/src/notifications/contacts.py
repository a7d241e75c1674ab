"""How contact data merges: per field the later statement wins, whatever order they arrive in. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from msgspec import UNSET

from notifications.addresses import usable
from notifications.views import ContactData

# What this service writes to people with; other fields of a customer are not kept.
KEPT: Final = ("email", "phone", "first_name", "last_name", "locale", "country", "time_zone")

Field: TypeAlias = tuple[str | None, str]  # value, instant as `instants.sortable` writes it
Fields: TypeAlias = Mapping[str, Field]


def fields_of(data: ContactData, at: str) -> dict[str, Field]:
    """The contact fields that an event states; null clears a field, an absent one says nothing."""
    stated: dict[str, Field] = {}
    for name in KEPT:
        given = getattr(data, name)
        if given is not UNSET:
            stated[name] = (given if given and given.strip() else None, at)
    return stated


def merge(*sides: Fields) -> dict[str, Field]:
    """All statements together. Commutative, associative, idempotent (CONTRACT §2)."""
    merged: dict[str, Field] = {}
    for side in sides:
        for name, field in side.items():
            kept = merged.get(name)
            if kept is None or _rank(field) > _rank(kept):
                merged[name] = field
    return merged


def after(fields: Fields, erased_at: str) -> dict[str, Field]:
    """What was stated after an erasure: nothing older may bring the person back."""
    return {name: field for name, field in fields.items() if field[1] > erased_at}


def value(fields: Fields, name: str) -> str | None:
    """The present value of a field."""
    field = fields.get(name)
    return None if field is None else field[0]


def usable_email(fields: Fields) -> str | None:
    """The address to write to, or None."""
    return usable(value(fields, "email"))


def from_json(stored: Mapping[str, Iterable[Any]]) -> dict[str, Field]:
    """The fields as the database gives them back (JSON has lists, not tuples)."""
    fields: dict[str, Field] = {}
    for name, pair in stored.items():
        stated, at = pair
        fields[name] = (stated, at)
    return fields


def _rank(field: Field) -> tuple[str, bool, bytes]:
    # At equal times absent loses to any value, else the greater text wins, as it stands in canonical JSON.
    stated, at = field
    return (at, stated is not None, b"" if stated is None else json.dumps(stated, ensure_ascii=False).encode())
