"""Compiles the modules that every order passes with mypyc, for where Comeback runs: a fifth less CPU an order.

    python deploy/native/compile.py FOLDER

FOLDER is a place of installed packages (``site-packages``). Those of ``modules.txt`` that are there are compiled beside
their source, which stays for tracebacks; a package that is not there is left out. With ``--sources`` the packages are
copied there from this repository first, and nothing is done where they are as they were at the last time.

Needs mypy, setuptools, a C compiler and Python's headers; what is compiled runs with this version of Python only.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCES = (ROOT / "libs/contracts/src", ROOT / "libs/kit/src", ROOT / "services/loyalty/src")
STAMP = "native.stamp"
# Types are the linter's affair: here it is enough that they are sound where they matter to the compiler.
SETTINGS = """[mypy]
ignore_missing_imports = True
namespace_packages = True
explicit_package_bases = True
"""


def modules() -> list[str]:
    """Paths of the listed modules inside their folder of packages."""
    lines = (HERE / "modules.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def copy_sources(into: Path) -> bool:
    """Copy the packages; False where those that are there are of the same sources, list and Python."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted((HERE / "modules.txt", HERE / "compile.py", *_files())):
        digest.update(path.read_bytes())
    stamp = into / STAMP
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return False
    shutil.rmtree(into, ignore_errors=True)
    for source in SOURCES:
        for package in source.iterdir():
            if (package / "__init__.py").is_file():
                shutil.copytree(package, into / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    compile_in(into)
    stamp.write_text(digest.hexdigest())
    return True


def compile_in(folder: Path) -> None:
    """Compile what is listed and there."""
    wanted = [name for name in modules() if (folder / name).is_file()]
    if not wanted:
        sys.exit(f"{folder} holds none of the packages of modules.txt")
    with tempfile.TemporaryDirectory() as work:
        settings = Path(work, "mypy.ini")
        settings.write_text(SETTINGS)
        # It builds and leaves its traces where it stands, so it stands elsewhere, beside copies of the packages.
        for package in {name.split("/")[0] for name in wanted}:
            shutil.copytree(folder / package, Path(work, package))
        command = [sys.executable, "-m", "mypyc", "--config-file", str(settings), *wanted]
        done = subprocess.run(
            command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{done.stdout[-4000:]}\nmypyc failed; without compiled modules everything runs, slower")
        for library in Path(work).rglob("*.so"):
            if "build" not in library.relative_to(work).parts:
                shutil.copy2(library, folder / library.relative_to(work))


def _files() -> list[Path]:
    return [path for source in SOURCES for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Compile the modules that every order passes.")
    parser.add_argument("folder", type=Path, help="where the packages are")
    parser.add_argument("--sources", action="store_true", help="copy the packages there first")
    given = parser.parse_args()
    folder = given.folder.resolve()
    if given.sources:
        copy_sources(folder)
    else:
        compile_in(folder)


if __name__ == "__main__":
    main()
