"""Measure what runs in the images: the modules that every order passes are compiled there (``deploy/native``)."""

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_FOLDER: Final = _ROOT / "build" / "native"


def use(arguments: Sequence[str]) -> None:
    """Run this Python anew with compiled modules, also for the processes that it starts; made first where need be.

    Returns where they are in use already, or cannot be made on this machine.
    """
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(_FOLDER) in paths:
        return
    print("compiling, about a minute where something has changed", file=sys.stderr)
    if subprocess.run(
        [sys.executable, _ROOT / "deploy/native/compile.py", "--sources", _FOLDER], check=False
    ).returncode:
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_FOLDER), *filter(None, paths)])}
    os.execve(sys.executable, [sys.executable, *arguments], environment)


def in_use() -> bool:
    """Whether this process has them."""
    return not (importlib.import_module("loyalty.ledger").__file__ or "").endswith(".py")


def interpreted() -> dict[str, str]:
    """The environment in which a process that is started has none."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path != str(_FOLDER))}
