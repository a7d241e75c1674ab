"""Every worked example of shared/cases/loyalty.md is somewhere: here, in the service's tests, or named as not built."""

import pytest

from tests.support.loyalty_cases import NOT_BUILT, NOT_BUILT_IN_PART, cases_in, listed, named
from tests.support.shared_files import REPO_ROOT

NEEDS_THE_DATABASE = {
    "C27", "C29", "C31", "C36", "C40", "C46", "C53", "C54", "C66", "C68", "C69", "C71", "C72",
}  # fmt: skip


def test_every_case_that_needs_no_database_is_tested_here() -> None:
    here = cases_in((REPO_ROOT / "tests/unit/loyalty").glob("test_cases_*.py"))
    assert listed() - here == NEEDS_THE_DATABASE | set(NOT_BUILT)
    assert here <= listed()
    assert not NEEDS_THE_DATABASE & set(NOT_BUILT)
    assert not set(NOT_BUILT_IN_PART) & set(NOT_BUILT)


SOURCES = [
    ("def test_c1_it_earns(): ...", {"C1"}),
    ("async def test_c14_c15_it_earns(): ...", {"C14", "C15"}),
    ("def c1_helper(): ...", set()),
    ("# C1\ndef test_it_earns():\n    'C1'  # c1", set()),
    ("def test_abc1_it_earns(): ...", set()),
    ("@pytest.mark.parametrize('a', [1, 2], ids=['C3 times', 'C4'])\ndef test_it(a): ...", {"C3", "C4"}),
    ("@pytest.mark.parametrize('a', ['C3'])\ndef test_it(a): ...", set()),
    ("@pytest.mark.parametrize('a', [pytest.param(1, id='C9')])\ndef test_it(a): ...", {"C9"}),
    (
        "A = [('C6 one', 1)]\nB = [('C7', 1)]\n@mark.parametrize('a', A, ids=[c[0] for c in A])\ndef test_it(a): ...",
        {"C6"},
    ),
    ("A = [('$1', 1)]\n@mark.parametrize('a', A, ids=[f'C12 {c[0]}' for c in A])\ndef test_it(a): ...", {"C12"}),
    ("EVERY = pytest.mark.parametrize('a', [1], ids=['C2'])\n@EVERY\ndef test_it(a): ...", {"C2"}),
]


@pytest.mark.parametrize(("source", "cases"), SOURCES)
def test_only_names_and_ids_of_tests_count(source: str, cases: set[str]) -> None:
    assert named(source) == cases
