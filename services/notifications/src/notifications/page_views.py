"""HTML pages: their templates, and the headers that keep what they show from doing anything."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of a preference page is a credential
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
# No script runs anywhere. A mail is shown in a sandboxed frame that inherits this policy; it may load images only.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(template: str, words: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """A page that works without scripts and is kept nowhere."""
    body = _environment().get_template(template).render(**words)
    return HTMLResponse(body, status_code=status, headers={**_HEADERS, "Content-Security-Policy": _POLICY})


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("notifications", "pages"), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
