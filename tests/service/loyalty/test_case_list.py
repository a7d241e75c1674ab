"""Which worked examples of shared/cases/loyalty.md run here; the others are in tests/unit/loyalty."""

from tests.support.loyalty_cases import NOT_BUILT, NOT_BUILT_IN_PART, cases_in, listed
from tests.support.shared_files import REPO_ROOT

HERE = {
    *("C14", "C15", "C16", "C17", "C20", "C21", "C23", "C24", "C25", "C27"),
    *("C29", "C30", "C31", "C32", "C34", "C36", "C37", "C39", "C40"),
    *("C41", "C42", "C44", "C46", "C48", "C50", "C51", "C53", "C54", "C55", "C56"),
    *("C58", "C60", "C62", "C63", "C65", "C66", "C68", "C69", "C71", "C72"),
}


def test_every_case_that_is_listed_has_a_test_here() -> None:
    assert cases_in((REPO_ROOT / "tests/service/loyalty").glob("test_*.py")) == HERE


def test_every_case_is_tested_or_is_not_built() -> None:
    unit = cases_in((REPO_ROOT / "tests/unit/loyalty").glob("test_*.py"))
    assert HERE | unit == listed() - set(NOT_BUILT)
    assert set(NOT_BUILT_IN_PART) <= HERE | unit
