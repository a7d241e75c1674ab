"""What may be compiled (``deploy/native``): modules in which nothing is read by its annotations at run time."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source_tree import Module, modules
from tests.support.native_modules import NATIVE
from tests.support.shared_files import REPO_ROOT

_LOOSE = {"NamedTuple", "Protocol", "TypedDict", "Generic", "Exception", "ValueError", "dict"}
"""Bases whose classes mean the same compiled. A compiled struct has no field types, and equals only itself."""


def _native(name: str) -> Module:
    found = [module for module in modules() if module.path.as_posix().endswith(f"/src/{name}")]
    assert len(found) == 1, f"modules.txt names {name}, which is not there"
    return found[0]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript | ast.Call):
        return _name(node.value if isinstance(node, ast.Subscript) else node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "?")


@pytest.mark.parametrize("name", NATIVE)
def test_a_compiled_module_has_only_plain_classes(name: str) -> None:
    own = {node.name for node in ast.walk(_native(name).tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(_native(name).tree):
        if isinstance(node, ast.ClassDef):
            bases = {_name(base) for base in node.bases}
            assert not node.decorator_list, f"{name}: {node.name} is decorated"
            assert bases <= _LOOSE | own, f"{name}: {node.name} is a {bases}"


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert list(NATIVE) == sorted(set(NATIVE))


def test_no_test_replaces_what_is_compiled_in() -> None:
    """A ``Final`` of a compiled module is part of its machine code: a test that sets it would test nothing."""
    finals = {
        f'{Path(name).stem}, "{node.target.id}"'
        for name in NATIVE
        for node in _native(name).tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "Final" in ast.unparse(node.annotation)
    }
    assert 'earning, "SLICE"' in finals
    tests = [path for path in (REPO_ROOT / "tests").rglob("*.py") if path.name != Path(__file__).name]
    replaced = {f"{path.name}: {one}" for path in tests for one in finals if f"setattr({one}" in path.read_text()}
    assert not replaced
