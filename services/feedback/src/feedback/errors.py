"""Every refusal of the feedback service: its code and HTTP status."""

from comeback_kit.errors import BadRequest, Conflict, DomainError, Forbidden, Gone, NotFound, Unprocessable


class SurveyUnknown(NotFound):
    code = "survey_unknown"
    title = "There is no such survey"


class VersionConflict(Conflict):
    code = "version_conflict"
    title = "The survey has changed since this version of it was read"


class OrderUnknown(NotFound):
    code = "order_unknown"
    title = "No event of this order has arrived"
    retryable = True
    retry_after = 1


class LinkInvalid(Forbidden):
    code = "link_invalid"
    title = "This link is not valid"


class LinkExpired(Gone):
    code = "link_expired"
    title = "This link has expired"


class LinkGone(Gone):
    code = "link_gone"
    title = "This survey is no longer there"


class SurveyClosed(Gone):
    code = "survey_closed"
    title = "This survey is closed"


class AlreadyAnswered(Conflict):
    code = "already_answered"
    title = "This survey has already been answered"


class AnswersInvalid(Unprocessable):
    code = "answers_invalid"
    title = "Some answers are missing or do not fit their question"


class FormUnreadable(BadRequest):
    code = "form_unreadable"
    title = "The form cannot be read"


class MediaTypeUnknown(DomainError):
    code = "unsupported_media_type"
    status = 415
    title = "Answers are sent as a form or as JSON"
