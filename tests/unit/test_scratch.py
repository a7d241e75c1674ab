"""Where the tests' servers keep their files, and that what is measured keeps them on the disk."""

import tempfile
from pathlib import Path

import pytest

from tests.support import scratch


def test_a_folder_goes_away_with_its_block() -> None:
    with scratch.scratch("trial") as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_what_is_measured_stays_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMEBACK_SCRATCH_ON_DISK", "")  # so that it is taken back afterwards
    scratch.stay_on_disk()
    with scratch.scratch("trial") as folder:
        assert folder.parent == Path(tempfile.gettempdir())
