"""Sizes and names: what a module may be called, and how long anything may get before it is to be split."""

import ast

from tests.architecture.source_tree import Module, modules, modules_of

MOST_LINES = 300
MOST_FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc", "tools", "core"}


def _functions(module: Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_module_outgrows_its_name() -> None:
    long = {
        module.name: lines
        for module in modules()
        if not module.is_migration and (lines := module.text.count("\n")) > MOST_LINES
    }
    assert not long, long


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{module.name}:{function.lineno} {function.name}": lines
        for module in modules()
        for function in _functions(module)
        if not module.is_migration and (lines := (function.end_lineno or 0) - function.lineno + 1) > MOST_FUNCTION_LINES
    }
    assert not long, long


def test_every_module_is_named_for_what_it_does() -> None:
    vague = [module.name for module in modules() if module.path.stem in FORBIDDEN_NAMES]
    assert not vague


def test_every_package_says_what_it_owns() -> None:
    silent = [
        module.name
        for module in modules()
        if module.path.name == "__init__.py" and not module.is_migration and not ast.get_docstring(module.tree)
    ]
    assert not silent


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        module.name
        for module in modules()
        if not module.is_migration and module.text.strip() and not ast.get_docstring(module.tree)
    ]
    assert not silent


def test_business_code_never_reads_the_clock() -> None:
    reading = [
        f"{module.name}:{node.lineno}"
        for service in ("loyalty", "feedback", "notifications", "recommendations")
        for module in modules_of(service)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"datetime.now", "datetime.utcnow", "time.time"}
    ]
    assert not reading, f"now is an argument (DESIGN, decision 13): {reading}"
