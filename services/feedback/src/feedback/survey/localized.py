"""Texts that a shop writes: one for everybody, or one for each language. ``{shop}`` stands for the shop's name."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, NamedTuple, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*", re.ASCII)
_MOST_LANGUAGES: Final = 100
SHOP: Final = "{shop}"

Label = Annotated[str, Field(strict=True), StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]


def _check_tags(texts: dict[str, str]) -> dict[str, str]:
    if not 1 <= len(texts) <= _MOST_LANGUAGES:
        raise ValueError(f"needs 1 to {_MOST_LANGUAGES} languages")
    for tag in texts:
        if len(tag) > 64 or _TAG.fullmatch(tag) is None:
            raise ValueError(f'{tag[:64]!r} is no language tag such as "de" or "pt-BR"')
    if len({_folded(tag) for tag in texts}) < len(texts):
        raise ValueError("names a language twice")
    return texts


def _form(value: object) -> str:
    return "languages" if isinstance(value, Mapping) else "text"


Localized: TypeAlias = Annotated[
    Annotated[Label, Tag("text")] | Annotated[dict[str, Label], AfterValidator(_check_tags), Tag("languages")],
    Discriminator(_form),
]
"""A text, or one per language tag; the first language is the default."""


class Said(NamedTuple):
    """A text as it is shown, and the language it is in (None: unknown)."""

    text: str
    language: str | None


def say(text: str | Mapping[str, str], wanted: Iterable[str], shop: str) -> Said:
    """The text in the first wanted language that it has: exactly (``pt-BR``) or its base; else its own first one."""
    if isinstance(text, str):
        return Said(text.replace(SHOP, shop), None)
    known = {_folded(tag): tag for tag in text}
    for tag in wanted:
        found = _best(_folded(tag), known)
        if found is not None:
            return Said(text[found].replace(SHOP, shop), found.replace("_", "-"))
    first = next(iter(text))
    return Said(text[first].replace(SHOP, shop), first.replace("_", "-"))


def _best(wanted: str, known: Mapping[str, str]) -> str | None:
    while wanted:
        if wanted in known:
            return known[wanted]
        wanted = wanted.rpartition("-")[0]
    return None


def _folded(tag: str) -> str:
    return tag.replace("_", "-").lower()
