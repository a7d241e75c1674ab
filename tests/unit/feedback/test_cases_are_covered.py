"""Every worked example of sections A, B and C of cases/feedback.md is named by a test."""

import re
from pathlib import Path

from tests.support.shared_files import REPO_ROOT, shared_file

SECTIONS = "ABC"


def test_every_case_has_a_test_that_names_it() -> None:
    text = shared_file("cases/feedback.md").read_text(encoding="utf-8")
    cases = set(re.findall(rf"^\|([{SECTIONS}]\d+)\|", text, re.MULTILINE))
    assert len(cases) > 30
    folders = (REPO_ROOT / "tests" / kind / "feedback" for kind in ("unit", "service"))
    files = [file for folder in folders for file in folder.glob("test_*.py") if file != Path(__file__)]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = {name.upper() for name in re.findall(rf"\b(?:test_)?([{SECTIONS}{SECTIONS.lower()}]\d+)(?=[_ \"])", code)}
    assert cases - named == set()
