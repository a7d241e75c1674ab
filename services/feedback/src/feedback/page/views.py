"""The pages: the survey, and the notes that stand in its place (thanks, answered already, link not valid)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse

from feedback.page.language import LANGUAGES, Language
from feedback.page.questions import Given, given_of, words_of
from feedback.page.rendering import page
from feedback.shops import Shop
from feedback.survey.questions import Question
from feedback.survey.submission import Errors
from feedback.survey.walk import PageOf, Way, pages_of, rules_after
from feedback.visits import Visit


def survey_page(
    visit: Visit,
    shown: PageOf,
    way: Way,
    language: Language,
    *,
    given: Mapping[str, Sequence[str]] | None = None,
    errors: Errors | None = None,
    chosen: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    """The questions that are next, with what was given; ``chosen``: the language that the reader picked on the page."""
    shop = visit.shop.name
    wrong = errors or {}
    required = way.required
    questions = [
        words_of(question, _given(visit, question, given, wrong), language, shop)
        | {"required": question.id in required or question.required}
        for question in shown
    ]
    words = _said(language, failed=bool(wrong)) | {
        **_place(visit, shown, way, language, chosen),
        "errors": [
            {"target": one["target"], "question": one["text"].text, "text": one["error"]}
            for one in questions
            if one["error"]
        ],
        "questions": questions,
        "shown": ",".join(question.id for question in shown),
        "version": visit.version.version,
        "lang_kept": chosen or "",
    }
    at = shown[0].id if words["step"] > 1 else None
    return page("survey.html", {**words, **_frame(language, shop, at=at)}, status=status)


def _said(language: Language, *, failed: bool) -> dict[str, Any]:
    return {
        "heading": language.say("survey.title"),
        "title": _title(language, failed=failed),
        "say_lead": language.say("survey.lead"),
        "say_error": language.say("error.title"),
        "say_optional": language.say("survey.optional"),
        "say_no_answer": language.say("survey.no_answer"),
        "say_back": language.say("survey.back"),
    }


def _place(visit: Visit, shown: PageOf, way: Way, language: Language, chosen: str | None) -> dict[str, Any]:
    """Which page of the way this is, what the button says, and where back leads."""
    survey = visit.version.survey
    pages = pages_of(survey, way)
    step = next((place for place, one in enumerate(pages, 1) if one[0].id == shown[0].id), 1)
    last = shown[-1].id == survey.questions[-1].id and not rules_after(survey, shown[-1].id)
    return {
        "step": step,
        "say_step": language.say("survey.step", step=step),
        "say_send": language.say("survey.send" if last else "survey.next"),
        "back": None if step == 1 else _address(_at=pages[step - 2][0].id, lang=chosen),
    }


def _title(language: Language, *, failed: bool) -> str:
    title = language.say("survey.title")
    return f"{language.say('error.prefix')}: {title}" if failed else title


def _given(visit: Visit, question: Question, sent: Mapping[str, Sequence[str]] | None, errors: Errors) -> Given:
    error = errors.get(question.id)
    if sent is not None and (question.id in sent or error is not None):
        return Given([text for text in sent.get(question.id, ()) if text], seen=True, error=error)
    kept = {} if visit.response is None else visit.response.answers
    return given_of(kept.get(question.id), seen=question.id in kept)


def note_page(
    kind: str,
    language: Language,
    *,
    shop: Shop | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page that says one thing: ``thanks``, ``already``, or why there is no survey here."""
    name = "" if shop is None else shop.name
    url = None if shop is None or shop.url is None or not shop.url.startswith(("https://", "http://")) else shop.url
    words: dict[str, Any] = {
        "title": language.say(f"{kind}.title"),
        "text": language.say(f"{kind}.text", shop=name),
        "bad": kind not in ("thanks", "already"),
        "shop_url": url,
        "say_visit": language.say("visit_shop", shop=name),
    }
    frame = _frame(language, name) | {"languages": []}
    return page("note.html", {**words, **frame}, status=status, headers=headers)


def _frame(language: Language, shop: str, *, at: str | None = None) -> dict[str, Any]:
    return {
        "lang": language.tag,
        "shop": shop,
        "say_language": language.say("survey.language"),
        "languages": [
            {"tag": tag, "name": name, "current": tag == language.tag, "href": _address(_at=at, lang=tag)}
            for tag, name in LANGUAGES.items()
        ],
    }


def _address(**parameters: str | None) -> str:
    given = [f"{name}={quote(value, safe='')}" for name, value in parameters.items() if value]
    return "?" + "&".join(given)
