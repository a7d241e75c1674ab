"""Every worked example of cases/feedback.md is named by a test, or waits for what does not exist yet."""

import re
from pathlib import Path

from tests.support.shared_files import REPO_ROOT, shared_file

SECTIONS = "ABCD"
WAITING = {
    "reviews, their moderation, feeds and rewards": {"D1", "D2", "D3", "D5", "D6", "D7", "D9", "D10"},
    "tickets": {"D12", "D14", "D15"},
    "what a text says of its mood": {"D16"},
}


def test_every_case_has_a_test_that_names_it() -> None:
    text = shared_file("cases/feedback.md").read_text(encoding="utf-8")
    cases = set(re.findall(rf"^\|([{SECTIONS}]\d+)\|", text, re.MULTILINE))
    assert len(cases) > 30
    folders = (REPO_ROOT / "tests" / kind / "feedback" for kind in ("unit", "service"))
    files = [file for folder in folders for file in folder.glob("test_*.py") if file != Path(__file__)]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = {name.upper() for name in re.findall(rf"\b(?:test_)?([{SECTIONS}{SECTIONS.lower()}]\d+)(?=[_ \"])", code)}
    assert cases - named == set().union(*WAITING.values())
