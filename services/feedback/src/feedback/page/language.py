"""The language of a page: its own texts lie in ``texts/``; the survey's come from its document. Pure."""

import importlib.resources
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français"}
FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """The page's own texts in one language, and all that the reader wants, best first, for the survey's texts."""

    tag: str
    wanted: tuple[str, ...]
    texts: Mapping[str, str]

    def say(self, key: str, **values: str | int) -> str:
        """A text with its places filled in. Raises ``KeyError`` for no text."""
        text = self.texts[key]
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text


def language_for(wanted: Iterable[str | None]) -> Language:
    """The first wanted language that the page speaks, else English."""
    tags = tuple(tag for tag in wanted if tag)
    code = next((base for tag in tags if (base := _base(tag)) in LANGUAGES), FALLBACK)
    return Language(code, (*tags, code), _texts(code))


def _base(tag: str) -> str:
    return tag.replace("_", "-").split("-", 1)[0].lower()


@lru_cache(maxsize=len(LANGUAGES))
def _texts(code: str) -> Mapping[str, str]:
    file = importlib.resources.files("feedback") / "page" / "texts" / f"{code}.json"
    texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return texts
