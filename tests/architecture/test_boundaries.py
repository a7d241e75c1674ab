"""What a package may know of the others: nothing of their tables, and the kit nothing of the business."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import SERVICES, Module, modules_of

# Without "notification": PostgreSQL has them, too.
BUSINESS_WORDS = {
    *("order", "orders", "point", "points", "loyalty", "reward", "rewards", "tier", "tiers", "refund", "refunds"),
    *("survey", "surveys", "feedback", "review", "reviews", "notifications", "recommendation"),
    *("recommendations", "product", "products", "basket", "cart", "redemption", "redemptions", "storefront"),
}
# The kit's own tables, which every service has.
_KIT_TABLES = {"inbox", "outbox", "timers", "idempotency"}
# Of a sort, not of a shop.
_NO_BUSINESS = {"order"}
_CREATE = re.compile(r"create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?([a-z_]+)", re.IGNORECASE)
_TOUCH = re.compile(r"\b(?:from|join|into|update|delete\s+from)\s+([a-z_][a-z_0-9]*)\b", re.IGNORECASE)


def _tables_of(service: str) -> set[str]:
    text = "\n".join(module.text for module in modules_of(service) if module.is_migration)
    return {name.lower() for name in _CREATE.findall(text)} - _KIT_TABLES


def _texts(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_sql(text: str) -> bool:
    return re.match(r"\s*(?:with|select|insert|update|delete|merge|copy)\b", text, re.IGNORECASE) is not None


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_only_tables_of_its_own(service: str) -> None:
    own = _tables_of(service)
    assert own, f"{service} makes no table"
    foreign = set().union(*(_tables_of(other) for other in SERVICES if other != service)) - own
    touched = {
        f"{module.name}: {table}"
        for module in modules_of(service)
        for text in _texts(module)
        if _is_sql(text)
        for table in _TOUCH.findall(text)
        if table.lower() in foreign and not re.search(rf"\b{table}\s+as\s*\(", text, re.IGNORECASE)
    }
    assert not touched, touched


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_of_a_service_belongs_to_a_shop_and_is_protected(service: str) -> None:
    text = "\n".join(module.text for module in modules_of(service) if module.is_migration)
    for body in re.findall(r"create\s+table\s+[a-z_]+\s*\(.*?\n\s*\)", text, re.IGNORECASE | re.DOTALL):
        name = _CREATE.findall(body)[0]
        if "shop_id" in body:
            assert re.search(rf"[\"'\s]{name}[\"'\s,)]", text.replace(body, "")), f"{service}.{name} is not protected"


def _identifiers(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def _words(identifier: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def test_the_kit_knows_no_business_word() -> None:
    found = {
        f"{module.name}:{line} {identifier}"
        for module in modules_of("comeback_kit")
        for line, identifier in _identifiers(module)
        if (_words(identifier) & BUSINESS_WORDS) - _NO_BUSINESS
    }
    assert not found, found


def test_contracts_do_no_io() -> None:
    forbidden = {"asyncio", "socket", "pathlib", "os", "subprocess", "time", "threading", "random", "secrets"}
    found = {
        f"{module.name}: {name}"
        for module in modules_of("comeback_contracts")
        for node in ast.walk(module.tree)
        for name in _imported(node)
        if name.split(".")[0] in forbidden and module.path.name != "schemas.py"  # the command that writes docs/events
    }
    assert not found, found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []
