"""The modules that are compiled where Comeback is installed to run."""

from tests.support.shared_files import REPO_ROOT

NATIVE = tuple(
    line
    for line in (REPO_ROOT / "deploy/native/modules.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
"""Their paths inside their folders of packages."""
