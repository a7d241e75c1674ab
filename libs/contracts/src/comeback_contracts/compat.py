"""Whether a changed event schema still keeps its promises to those who read and send by the old one.

Allowed: a new event type, a new optional field, another value of an enum, a looser bound. Everything else is a break:
a field removed or newly required or no longer promised, a narrower type, enum or bound.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_UPPER: Final = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_LOWER: Final = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_EXACT: Final = ("pattern", "format", "const")


def breaks(old: Schema, new: Schema) -> list[str]:
    """What of ``old`` the schema ``new`` breaks, each with its path; empty when nothing."""
    return list(_Comparison(old, new).compare(old, new, "", frozenset()))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new

    def compare(self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        refs = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if any(refs):
            if refs in seen:
                return
            seen |= {refs}
        old, new = _resolve(self._old, old), _resolve(self._new, new)
        if not new:
            return  # anything goes now
        if "anyOf" in old or "anyOf" in new:
            yield from self._compare_choices(old, new, path, seen)
            return
        yield from _compare_types(old, new, path)
        yield from _compare_bounds(old, new, path)
        yield from self._compare_fields(old, new, path, seen)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), Mapping) and isinstance(new.get(name), Mapping):
                yield from self.compare(old[name], new[name], f"{path}/*", seen)

    def _compare_choices(self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        """Each old choice must still be one of the new ones."""
        choices = new.get("anyOf", [new])
        for choice in old.get("anyOf", [old]):
            found = [list(self.compare(choice, candidate, path, seen)) for candidate in choices]
            if all(found):
                yield from min(found, key=len)

    def _compare_fields(self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{path}/{name} is newly required"
        for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
            if name in after:
                yield f"{path}/{name} is no longer promised"
        for name, schema in before.items():
            if name in after:
                yield from self.compare(schema, after[name], f"{path}/{name}", seen)
            else:
                yield f"{path}/{name} was removed"


def _resolve(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _compare_types(old: Schema, new: Schema, path: str) -> Iterator[str]:
    gone = _types(old) - _types(new)
    if gone:
        yield f"{path} may no longer be {', '.join(sorted(gone))}"
    if "enum" in new:
        lost = [value for value in old.get("enum", ["anything else"]) if value not in new["enum"]]
        if lost:
            yield f"{path} may no longer be {lost}"


def _types(schema: Schema) -> set[str]:
    named = schema.get("type")
    if named is None:
        return {"string"} if "enum" in schema or "const" in schema else set()
    types = {named} if isinstance(named, str) else set(named)
    return types | {"integer"} if "number" in types else types


def _compare_bounds(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in _UPPER:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{path} has a narrower {name}"
    for name in _LOWER:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{path} has a narrower {name}"
    for name in _EXACT:
        if name in new and new[name] != old.get(name):
            yield f"{path} has another {name}"
