"""Which worked examples of shared/cases/loyalty.md have a test: by what tests are called, never by what a file says."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.support.shared_files import shared_file

NOT_BUILT: Final = {
    "C57": "auto-redeem",
    "C73": "referral",
    "C74": "referral",
    "C76": "revenue recognition",
}
"""They wait for a later issue (issue 4, "Proof")."""

NOT_BUILT_IN_PART: Final = {
    "C11": "the two other wallets",
    "C54": "the other wallets of a member",
}
"""The rest of these has a test."""

_IN_NAME: Final = re.compile(r"(?<=_)c(\d+)(?=_|$)")
_IN_ID: Final = re.compile(r"\bC(\d+)\b")


def listed() -> set[str]:
    """Every case of the file."""
    return set(re.findall(r"^(?:\|(?=C)|\*\*(?=C))(C\d+)\b", shared_file("cases/loyalty.md").read_text(), re.MULTILINE))


def cases_in(paths: Iterable[Path]) -> set[str]:
    """The cases that the tests of these files name: in a function's name, or in an id of its parameters."""
    return {case for path in paths for case in named(path.read_text())}


def named(source: str) -> set[str]:
    """The same for one module's text."""
    body = ast.parse(source).body
    values = dict(_assigned(body))
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            found |= {f"C{number}" for number in _IN_NAME.findall(node.name)}
            for decorator in node.decorator_list:
                texts = _ids(_meant(decorator, values), values)
                found |= {f"C{number}" for text in texts for number in _IN_ID.findall(text)}
    return found


def _assigned(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _meant(node: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    """What a name of the module stands for."""
    return values.get(node.id, node) if isinstance(node, ast.Name) else node


def _ids(decorator: ast.expr, values: Mapping[str, ast.expr]) -> Iterator[str]:
    """The ids of a ``pytest.mark.parametrize``, and of each ``pytest.param`` in it."""
    if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("mark.parametrize")):
        return
    for keyword in decorator.keywords:
        if keyword.arg == "ids":
            yield from _texts(_meant(keyword.value, values), values)
    for argument in decorator.args[1:]:
        for node in ast.walk(_meant(argument, values)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("param"):
                yield from (_text(one.value) for one in node.keywords if one.arg == "id")


def _texts(node: ast.expr, values: Mapping[str, ast.expr]) -> Iterator[str]:
    """The texts of ``["C1", …]``, and of ``[one[0] for one in CASES]`` and ``[f"C12 {one[0]}" for one in CASES]``."""
    if isinstance(node, ast.List | ast.Tuple):
        yield from map(_text, node.elts)
    elif isinstance(node, ast.ListComp):
        rows = _meant(node.generators[0].iter, values)
        place = next((one.slice for one in ast.walk(node.elt) if isinstance(one, ast.Subscript)), None)
        if isinstance(rows, ast.List | ast.Tuple) and isinstance(place, ast.Constant) and isinstance(place.value, int):
            for row in rows.elts:
                if isinstance(row, ast.Tuple | ast.List):
                    yield f"{_text(node.elt)}{_text(row.elts[place.value])}"


def _text(node: ast.expr) -> str:
    """The text that an expression says itself, without what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
