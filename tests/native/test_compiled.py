"""That the suites which run beside this one ran on compiled modules, and what only those can get wrong."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.native_modules import NATIVE
from tests.support.shared_files import REPO_ROOT

pytestmark = pytest.mark.native
COMPILER = REPO_ROOT / "deploy/native/compile.py"


@pytest.mark.parametrize("name", NATIVE)
def test_what_is_tested_here_is_compiled(name: str) -> None:
    module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
    assert module.__file__ is not None
    assert Path(module.__file__).suffix == ".so", f"{module.__file__} is not compiled: run `make test-native`"


def test_nothing_is_compiled_again_while_sources_are_as_they_were() -> None:
    folder = Path(importlib.import_module("loyalty").__path__[0]).parent
    assert folder == REPO_ROOT / "build/native", "run `make test-native`"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.so")}
    subprocess.run([sys.executable, COMPILER, "--sources", folder], check=True, timeout=60)
    assert before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.so")} == before


def test_a_folder_with_something_else_in_it_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    command = [sys.executable, str(COMPILER), "--sources", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "name another folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_without_our_packages_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "another.py").write_text("x = 1\n")
    done = subprocess.run([sys.executable, COMPILER, tmp_path], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "holds none of the packages" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["another.py"]
