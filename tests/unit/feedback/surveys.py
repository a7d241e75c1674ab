"""Short surveys for tests."""

from typing import Any

from feedback.survey.document import Survey


def survey(*questions: dict[str, Any], **parts: Any) -> Survey:
    """A survey of these questions."""
    return Survey.model_validate({"name": "Test", "questions": list(questions), **parts})


def nps(question_id: str = "nps", **parts: Any) -> dict[str, Any]:
    return {"id": question_id, "type": "nps", "text": "How likely?", **parts}


def text(question_id: str, **parts: Any) -> dict[str, Any]:
    return {"id": question_id, "type": "text", "text": f"{question_id}?", **parts}


def single(question_id: str, *choices: str, **parts: Any) -> dict[str, Any]:
    return {
        "id": question_id,
        "type": "single",
        "text": f"{question_id}?",
        "choices": [{"id": choice, "label": choice.upper()} for choice in choices],
        **parts,
    }


def rule(after: str, when: dict[str, Any] | None, *then: dict[str, Any]) -> dict[str, Any]:
    return {"after": after, "when": when, "then": list(then)}


def jump(to: str) -> dict[str, Any]:
    return {"jump": to}
