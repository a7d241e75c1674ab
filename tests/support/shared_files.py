"""The folder of worked examples and sample bodies that lies beside this repository in some workplaces."""

import os
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).resolve().parents[2]
SHARED = REPO_ROOT.parent / "shared"


def shared_file(relative: str) -> Path:
    """The path of a shared file; a test that needs one says so and skips in a clone without it, and fails in CI."""
    path = SHARED / relative
    if path.exists():
        return path
    message = f"shared/{relative} is not beside this clone"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
