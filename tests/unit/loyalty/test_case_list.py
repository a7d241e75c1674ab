"""Every worked example of shared/cases/loyalty.md is somewhere: here, in the service's tests, or named as not built."""

import re

from tests.support.shared_files import REPO_ROOT, shared_file

NOT_BUILT = {
    "C57": "auto-redeem",
    "C73": "referral",
    "C74": "referral",
    "C76": "revenue recognition",
}
"""Wait for a later issue (issue 4, "Proof"); of C11 and C54 only the second wallets."""

NEEDS_THE_DATABASE = {
    "C27", "C29", "C31", "C36", "C40", "C46", "C53", "C54", "C66", "C68", "C69", "C71", "C72",
}  # fmt: skip


def test_every_case_that_needs_no_database_is_tested_here() -> None:
    cases = set(re.findall(r"^\|(C\d+) ", shared_file("cases/loyalty.md").read_text(), re.MULTILINE)) | {"C12"}
    here = set()
    for path in (REPO_ROOT / "tests/unit/loyalty").glob("test_cases_*.py"):
        here |= {f"C{number}" for number in re.findall(r"\b[cC](\d+)(?![0-9])", path.read_text().replace("_", " "))}
    assert cases - here == NEEDS_THE_DATABASE | set(NOT_BUILT)
    assert not NEEDS_THE_DATABASE & set(NOT_BUILT)
