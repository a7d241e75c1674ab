"""The survey that every shop has without any set-up: one NPS question and room for a reason, after the delivery."""

from typing import Final

from feedback.survey.document import Survey

NPS_ID: Final = "nps"

_NPS: Final = {
    "name": "Net Promoter Score",
    "questions": [
        {
            "id": "nps",
            "type": "nps",
            "required": True,
            "text": {
                "en": "How likely are you to recommend {shop} to a friend or colleague?",
                "de": "Wie wahrscheinlich ist es, dass Sie {shop} Freunden oder Kollegen weiterempfehlen?",
                "fr": "Quelle est la probabilité que vous recommandiez {shop} à un ami ou à un collègue ?",
                "es": "¿Qué probabilidad hay de que recomiende {shop} a un amigo o compañero de trabajo?",
            },
        },
        {
            "id": "comment",
            "type": "text",
            "required": False,
            "text": {
                "en": "What is the main reason for your score?",
                "de": "Was ist der wichtigste Grund für Ihre Bewertung?",
                "fr": "Quelle est la raison principale de votre note ?",
                "es": "¿Cuál es el motivo principal de su puntuación?",
            },
        },
    ],
}

DEFAULTS: Final[dict[str, Survey]] = {NPS_ID: Survey.model_validate(_NPS)}
"""Version 1 of the surveys that need no PUT, by id."""
