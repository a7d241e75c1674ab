"""The source files of every package, parsed once."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.shared_files import REPO_ROOT

SERVICES = ("loyalty", "feedback", "notifications", "recommendations", "gateway")


@dataclass(frozen=True)
class Module:
    """One file of a package."""

    path: Path
    package: str
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return str(self.path.relative_to(REPO_ROOT))

    @property
    def is_migration(self) -> bool:
        return "migrations" in self.path.parts


@cache
def modules() -> tuple[Module, ...]:
    """Every module that is shipped."""
    found = []
    for pattern in ("libs/*/src/*", "services/*/src/*", "gateway/src/*", "deploy/allinone/src/*"):
        for package in sorted(REPO_ROOT.glob(pattern)):
            if not (package / "__init__.py").exists():
                continue
            for path in sorted(package.rglob("*.py")):
                text = path.read_text()
                found.append(Module(path, package.name, text, ast.parse(text)))
    return tuple(found)


def modules_of(package: str) -> list[Module]:
    """The modules of one package, which must have some."""
    found = [module for module in modules() if module.package == package]
    assert found, f"no package {package}"
    return found
