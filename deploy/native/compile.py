"""Compiles the modules that every order passes with mypyc, for where Comeback runs: a fifth less CPU an order.

    python deploy/native/compile.py FOLDER

FOLDER is a place of installed packages (``site-packages`` of an image that is being built). Those of ``modules.txt``
that are there are compiled beside their source, which stays for tracebacks; a package that is not there is left out.

    python deploy/native/compile.py --sources FOLDER

makes FOLDER anew from the packages of this repository, and compiles them. Nothing is done where it is as it was made
at the last time. A folder with anything else in it is refused.

Needs mypy, setuptools, a C compiler and Python's headers; what is compiled runs with this version of Python only.
"""

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
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


def make(folder: Path) -> None:
    """Make a folder of our packages, compiled; whoever else makes it waits."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, digest = folder / STAMP, _digest()
        if stamp.is_file() and stamp.read_text() == digest:
            return
        if folder.exists() and any(folder.iterdir()) and not stamp.is_file():
            sys.exit(f"{folder} holds something that this command has not made: name another folder")
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:  # so that it is there as a whole, or not at all
            made = Path(beside, "made")
            for package in _packages():
                shutil.copytree(package, made / package.name, ignore=shutil.ignore_patterns("__pycache__"))
            if missing := [name for name in modules() if not (made / name).is_file()]:
                sys.exit(f"modules.txt names what is not there: {', '.join(missing)}")
            compile_in(made)
            (made / STAMP).write_text(digest)
            if folder.exists():
                folder.rename(Path(beside, "before"))
            made.rename(folder)


def compile_in(folder: Path) -> None:
    """Compile what is listed and there, in place of what was compiled before."""
    wanted = [name for name in modules() if (folder / name).is_file()]
    if not wanted:
        sys.exit(f"{folder} holds none of the packages of modules.txt")
    packages = sorted({name.split("/")[0] for name in wanted})
    for library in [*folder.glob("*__mypyc*.so"), *(one for name in packages for one in (folder / name).rglob("*.so"))]:
        library.unlink()
    with tempfile.TemporaryDirectory() as work:
        settings = Path(work, "mypy.ini")
        settings.write_text(SETTINGS)
        # It builds and leaves its traces where it stands, so it stands elsewhere, beside copies of the packages.
        for name in packages:
            shutil.copytree(folder / name, Path(work, name))
        command = [sys.executable, "-m", "mypyc", "--config-file", str(settings), *wanted]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            told = (done.stdout + done.stderr)[-4000:]
            sys.exit(f"{told}\nmypyc failed; without compiled modules everything runs, slower")
        for library in Path(work).rglob("*.so"):
            if "build" not in library.relative_to(work).parts:
                shutil.copy2(library, folder / library.relative_to(work))


def _packages() -> list[Path]:
    return [path.parent for source in SOURCES for path in sorted(source.glob("*/__init__.py"))]


def _digest() -> str:
    """Of everything that the result depends on."""
    found = hashlib.sha256(f"{sys.version} {version('mypy')}".encode())
    sources = [path for package in _packages() for path in sorted(package.rglob("*")) if path.is_file()]
    for path in (HERE / "modules.txt", HERE / "compile.py", *sources):
        if path.suffix != ".pyc":
            content = path.read_bytes()
            found.update(f"\n{path.relative_to(ROOT)} {len(content)}\n".encode())
            found.update(content)
    return found.hexdigest()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Compile the modules that every order passes.")
    parser.add_argument("folder", type=Path, help="where the packages are")
    parser.add_argument("--sources", action="store_true", help="make the folder from this repository first")
    given = parser.parse_args()
    folder = given.folder.resolve()
    if given.sources:
        make(folder)
    else:
        compile_in(folder)


if __name__ == "__main__":
    main()
