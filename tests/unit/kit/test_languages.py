import pytest

from comeback_kit.languages import accepted

HEADERS = {
    "de": ["de"],
    "de-AT,de;q=0.9,en;q=0.8": ["de-AT", "de", "en"],
    "en;q=0.3, fr;q=0.9": ["fr", "en"],
    "*": [],
    "de;q=0": [],
    "de;q=x,en": ["en"],
    "": [],
    ";;;,,": [],
}


@pytest.mark.parametrize(("header", "tags"), HEADERS.items(), ids=HEADERS)
def test_what_a_browser_accepts(header: str, tags: list[str]) -> None:
    assert accepted(header) == tags
