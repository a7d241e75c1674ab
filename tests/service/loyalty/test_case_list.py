"""Which worked examples of shared/cases/loyalty.md run here; the others are in tests/unit/loyalty."""

import re

from tests.support.shared_files import REPO_ROOT, shared_file

NOT_BUILT = {
    "C57": "auto-redeem",
    "C73": "referral",
    "C74": "referral",
    "C76": "revenue recognition",
}
"""They wait for a later issue, and so do the second wallets of C11 and C54."""

HERE = {
    *("C14", "C15", "C16", "C17", "C20", "C21", "C23", "C24", "C25", "C27"),
    *("C29", "C30", "C31", "C32", "C34", "C36", "C37", "C39", "C40"),
    *("C41", "C42", "C44", "C46", "C48", "C50", "C51", "C53", "C54", "C55", "C56"),
    *("C58", "C60", "C62", "C63", "C65", "C66", "C68", "C69", "C71", "C72"),
}


def test_every_case_that_is_listed_has_a_test_here() -> None:
    named = set()
    for path in (REPO_ROOT / "tests/service/loyalty").glob("test_*.py"):
        if path.name != "test_case_list.py":
            text = path.read_text().replace("_", " ")
            named |= {f"C{number}" for number in re.findall(r"\b[cC](\d\d)(?![0-9])", text)}
    assert named >= HERE


def test_the_list_names_no_case_that_does_not_exist_or_is_not_built() -> None:
    cases = set(re.findall(r"^\|(C\d+) ", shared_file("cases/loyalty.md").read_text(), re.MULTILINE))
    assert cases >= HERE | set(NOT_BUILT)
    assert not HERE & set(NOT_BUILT)
