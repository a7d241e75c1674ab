"""The page's own languages."""

import json
import string
from pathlib import Path

import pytest

import feedback.page
from feedback.page.language import LANGUAGES, language_for

TEXTS = {
    code: json.loads((Path(feedback.page.__file__).parent / "texts" / f"{code}.json").read_text()) for code in LANGUAGES
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_everything_with_the_same_places(code: str) -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {key: places(text) for key, text in TEXTS[code].items()} == {
        key: places(text) for key, text in TEXTS["en"].items()
    }
    assert all(TEXTS[code].values())


def test_the_first_language_that_the_page_speaks_is_taken() -> None:
    assert language_for(["ja", None, "fr_CA", "de"]).tag == "fr"
    assert language_for([]).tag == "en"
    assert language_for(["ja"]).wanted == ("ja", "en")
