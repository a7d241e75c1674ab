"""HTML answers: their templates, and the headers that keep a page from doing or leaking anything."""

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of a survey page is a credential
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Vary": "Accept, Accept-Language",
}


def page(
    template: str, words: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """A page without scripts and without anything from elsewhere; only its own style may apply."""
    css = _style()
    body = _environment().get_template(template).render(**words, css=css)
    return HTMLResponse(
        body, status_code=status, headers={**HEADERS, "Content-Security-Policy": _policy(css), **(headers or {})}
    )


@lru_cache(maxsize=1)
def _style() -> Markup:
    text = (importlib.resources.files("feedback") / "page" / "templates" / "style.css").read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  # our own file


@lru_cache(maxsize=1)
def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("feedback", "page/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=False,
    )
