"""Hosted pages as a browser without JavaScript uses them: find the form, fill it in, send it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


@dataclass
class Form:
    """One form: where it goes, what it sends untouched, and what can be chosen."""

    action: str = ""
    method: str = "get"
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(named.get("action", ""), named.get("method", "get").lower()))
        elif self.forms and named.get("name"):
            self._field(self.forms[-1], tag, named)

    def _field(self, form: Form, tag: str, named: dict[str, str]) -> None:
        kind, name, value = named.get("type", "text"), named["name"], named.get("value", "")
        if tag == "textarea":
            form.texts.append(name)
        elif tag == "input" and kind == "radio":
            form.choices.setdefault(name, []).append(value)
        elif tag == "input" and kind in ("hidden", "text"):
            form.values[name] = value


def forms_of(page: str) -> list[Form]:
    """The forms of a page that send something."""
    parser = _Forms()
    parser.feed(page)
    return [form for form in parser.forms if form.method == "post"]


async def answer_survey(http: httpx.AsyncClient, url: str, choice: str, comment: str) -> str:
    """Go through a hosted survey page by page with one choice and one comment; the last page."""
    page = await http.get(url)
    assert page.status_code == 200, page.text
    for _ in range(5):
        asking = [form for form in forms_of(page.text) if form.choices or form.texts]
        if not asking:
            return page.text
        form = asking[0]
        chosen = {name: choice for name, offered in form.choices.items() if choice in offered}
        written = dict.fromkeys(form.texts, comment)
        target = urljoin(str(page.url), form.action or str(page.url))
        page = await http.post(target, data={**form.values, **chosen, **written}, follow_redirects=True)
        assert page.status_code == 200, page.text
    raise AssertionError(f"the survey does not end:\n{page.text}")
