"""Where the markers of the suites stand: the gate finds the files of a suite by them, before pytest reads any."""

import re

from tests.support.shared_files import REPO_ROOT

_MARKER = re.compile(r"\bmark\.(faults|browser|deploy)\b")


def test_a_test_gets_the_marker_of_its_suite_in_its_own_file() -> None:
    """Not by a ``conftest.py`` or a parameter of a shared fixture: the gate would pass it by."""
    sources = [path for path in (REPO_ROOT / "tests").rglob("*.py") if not path.name.startswith("test_")]
    assert sources
    assert not [path for path in sources if _MARKER.search(path.read_text())]
