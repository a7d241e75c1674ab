"""Failures: what an HTTP caller sees (``DomainError``) and what a consumer does (permanent, transient).

One class per failure with a stable ``code``; problem+json (RFC 9457) is rendered once, in ``problems.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field: a JSON pointer into the body (or ``/query/limit``, ``/path/id``, ``/header/…``) and what to do."""

    pointer: str
    detail: str


def _told(error: FieldError) -> str:
    return f"{error.pointer}: {error.detail}" if error.pointer else error.detail


class DomainError(Exception):
    """A refusal that the caller is told about. ``detail`` says what was wrong with this call and what to do.

    Without one it says what the first bad fields say.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    retryable: ClassVar[bool] = False
    retry_after: ClassVar[int | None] = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.detail = detail or "; ".join(map(_told, errors[:3])) or self.title
        super().__init__(self.detail)
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        if self.retry_after is not None:
            self.headers.setdefault("Retry-After", str(self.retry_after))


class BadRequest(DomainError):
    code = "bad_request"
    status = 400
    title = "The request cannot be read"


class Unauthorized(DomainError):
    code = "unauthorized"
    status = 401
    title = "Credentials are missing or not valid"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(DomainError):
    code = "forbidden"
    status = 403
    title = "These credentials do not open this"


class MissingScope(Forbidden):
    code = "missing_scope"
    title = "The key lacks a scope"


class NotFound(DomainError):
    code = "not_found"
    status = 404
    title = "There is no such thing here"


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    status = 405
    title = "This path does not take that method"


class Conflict(DomainError):
    code = "conflict"
    status = 409
    title = "The request conflicts with the present state"


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"
    status = 415
    title = "The body must be JSON"


class Gone(DomainError):
    code = "gone"
    status = 410
    title = "This is no longer here"


class TooLarge(DomainError):
    code = "too_large"
    status = 413
    title = "The body is too large"


class Unprocessable(DomainError):
    code = "invalid_request"
    status = 422
    title = "Some fields are not valid"


class TooManyRequests(DomainError):
    code = "too_many_requests"
    status = 429
    title = "Too many requests"
    retryable = True
    retry_after = 1


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    title = "Not available right now"
    retryable = True
    retry_after = 1


class IdempotencyKeyTooLong(BadRequest):
    code = "idempotency_key_invalid"
    title = "Idempotency-Key must have 1 to 255 characters"


class IdempotencyKeyReused(Unprocessable):
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used with another body"


class IdempotencyKeyInUse(Conflict):
    code = "idempotency_key_in_use"
    title = "A request with this Idempotency-Key is still running"
    retryable = True
    retry_after = 1


class PermanentError(Exception):
    """A consumer's failure that no retry heals: the event goes to the dead letters."""


class TransientError(Exception):
    """A consumer's failure that passes: the batch is tried again for ever, its position kept."""


class PoisonEvent(PermanentError):
    """Names the one event of a batch that can never succeed, so that the batch need not be bisected to find it."""

    def __init__(self, event: Any, reason: str) -> None:
        super().__init__(reason)
        self.event = event
        self.reason = reason
