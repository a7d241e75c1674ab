"""Where the servers of the tests keep their files: in memory where the machine has room for that, else in ``TMPDIR``.

Making a database copies files, ten times as fast there; a test makes two. What the tests prove stays the same: they
kill processes, and what a killed process had written is there afterwards on either kind of folder.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # each folder in it has a name of its own, as those of TMPDIR have
_ROOM = 4 << 30
"""Bytes. A test process fills a few hundred megabytes; a container has 64 of them there unless told otherwise."""

_ON_DISK = "COMEBACK_SCRATCH_ON_DISK"


def stay_on_disk() -> None:
    """From now on no folder is in memory, of this process and of those it starts: what is measured waits for a disk."""
    os.environ[_ON_DISK] = "true"


@contextlib.contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A new folder that goes away with the block."""
    folder = Path(tempfile.mkdtemp(prefix=f"comeback-{purpose}-", dir=_place()))
    folder.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path | None:
    if _ON_DISK in os.environ:
        return None
    with contextlib.suppress(OSError):  # where there is no such folder, as on macOS
        if os.access(MEMORY, os.W_OK | os.X_OK) and min(shutil.disk_usage(MEMORY).free, _free_memory()) > _ROOM:
            return MEMORY
    return None


def _free_memory() -> int:
    """What the machine can still give away: a memory file system may promise more than there is."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")
