"""The API's document as an HTML page: rendered here, no script, nothing loaded from elsewhere."""

import json
import re
from html import escape
from typing import Any, Final

from gateway.merging import operations

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884}
body{background:Canvas;color:CanvasText;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{overflow:auto;background:#8881;padding:.8rem;border-radius:.4rem}
.m{display:inline-block;min-width:4.5rem;font-weight:700}
summary code{overflow-wrap:anywhere}
table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
.w{overflow:auto}
"""
_QUOTED: Final = re.compile(r"`([^`]+)`")
_MOST_DEPTH: Final = 8


def render(document: dict[str, Any]) -> str:
    """The page."""
    info = document["info"]
    sections: dict[str, list[str]] = {}
    for path, method, operation in operations(document):
        sections.setdefault(operation["tags"][0], []).append(_operation(path, method, operation, document))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(items)}" for tag, items in sections.items())
    intro = "".join(f"<p>{_prose(text)}</p>" for text in info["description"].split("\n\n"))
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>{intro}"
        f'<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>{body}</main></body></html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [f"<p>{_prose(operation['description'])}</p>" if operation.get("description") else ""]
    names = [name for choice in operation["security"] for name in choice] or ["no credentials"]
    parts.append(f"<p>Opens with: {escape(' or '.join(names))}</p>")
    if operation.get("parameters"):
        rows = "".join(_parameter(one) for one in operation["parameters"])
        table = f"<table><tr><th>Parameter<th>In<th>Type<th>Meaning</tr>{rows}</table>"
        parts.append(f"<div class=w tabindex=0 role=group aria-label=Parameters>{table}</div>")
    bodies = operation.get("requestBody", {}).get("content", {})
    parts += [
        _schema(f"Body ({media})", content.get("example") or content.get("schema", {}), document)
        for media, content in bodies.items()
    ]
    for status, answer in operation["responses"].items():
        for media, content in answer.get("content", {}).items():
            if status != "default":
                parts.append(_schema(f"Answer {status} ({media})", content.get("schema", {}), document))
    summary = operation.get("summary", "")
    return (
        f"<details><summary><span class=m>{method.upper()}</span><code>{escape(path)}</code> {escape(summary)}"
        f"</summary>{''.join(parts)}</details>"
    )


def _parameter(one: dict[str, Any]) -> str:
    kind = one.get("schema", {}).get("type", "")
    kind = kind if isinstance(kind, str) else ", ".join(kind)
    needed = " (required)" if one.get("required") else ""
    cells = (f"`{one.get('name', '')}`", f"{one.get('in', '')}{needed}", kind, one.get("description", ""))
    return f"<tr>{''.join(f'<td>{_prose(str(cell))}' for cell in cells)}</tr>"


def _schema(title: str, schema: Any, document: dict[str, Any]) -> str:
    if not schema:  # a page, a file
        return f"<p>{escape(title)}</p>"
    text = json.dumps(_resolved(schema, document, 0), indent=2, ensure_ascii=False)
    return f"<p>{escape(title)}</p><pre tabindex=0>{escape(text)}</pre>"


def _prose(text: str) -> str:
    """Text of a document with what stands in backticks as code."""
    return _QUOTED.sub(r"<code>\1</code>", escape(text))


def _resolved(value: Any, document: dict[str, Any], depth: int) -> Any:
    """References replaced by what they name, so that the page reads without jumping about."""
    if depth > _MOST_DEPTH:
        return "…"
    if isinstance(value, list):
        return [_resolved(item, document, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
        named = document["components"]["schemas"].get(reference.rsplit("/", 1)[1], {})
        return _resolved(named, document, depth + 1)
    return {key: _resolved(item, document, depth + 1) for key, item in value.items()}
