"""Every failure of HTTP as RFC 9457 problem+json, rendered here and nowhere else."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from comeback_kit import errors
from comeback_kit.errors import DomainError, FieldError

MEDIA_TYPE = "application/problem+json"

_BY_STATUS: dict[int, type[DomainError]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
    422: errors.Unprocessable,
    429: errors.TooManyRequests,
    503: errors.Unavailable,
}


def problem(error: DomainError, request_id: str | None) -> dict[str, Any]:
    """The body of a failure."""
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
    }
    if error.errors:
        body["errors"] = [{"pointer": one.pointer, "detail": one.detail} for one in error.errors]
    return {**body, **error.extra}


def response(error: DomainError, request_id: str | None) -> Response:
    """The answer of a failure."""
    return Response(
        msgspec.json.encode(problem(error, request_id)),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=error.headers,
    )


def install(app: FastAPI) -> None:
    """Make an app answer every failure as a problem."""
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def from_validation(items: Sequence[Any], prefix: str = "") -> DomainError:
    """The refusal for pydantic's (or FastAPI's) list of errors: 400 for JSON that does not parse, else 422."""
    if any(item.get("type") == "json_invalid" for item in items):
        return errors.BadRequest("the body is not valid JSON")
    places = [(prefix + pointer(item.get("loc", ())), item) for item in items]
    found = [FieldError(place, _say(item) if place else _say_of_all(item)) for place, item in places]
    return errors.Unprocessable(errors=found)


def pointer(location: Sequence[str | int]) -> str:
    """FastAPI's location as a JSON pointer: body fields from the root, others under their place."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in location]
    if parts and parts[0] == "body":
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] == "[key]":  # pydantic's sign that the name itself is wrong, not what it holds
        parts = parts[:-1]
    return "".join(f"/{part}" for part in parts)


_SAID: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "tuple_type": "Input should be a valid list",
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
}
"""What pydantic says in words of Python."""


def _say(item: Any) -> str:
    said = _SAID.get(item.get("type", ""))
    return said or str(item.get("msg", "is not valid")).removeprefix("Value error, ")


def _say_of_all(item: Any) -> str:
    """The same where it is the body that is meant."""
    said = _say(item)
    return f"the body {said}" if said.startswith("is ") else said


async def _domain(request: Request, error: Exception) -> Response:
    if not isinstance(error, DomainError):
        raise error
    return response(error, request_id_of(request))


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return answer(request, error)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return answer(request, error)


def answer(request: Request, error: RequestValidationError | HTTPException) -> Response:
    """What the caller gets for a failure that FastAPI or Starlette found."""
    if isinstance(error, RequestValidationError):
        return response(from_validation(error.errors()), request_id_of(request))
    known = _BY_STATUS.get(error.status_code)
    if known is None:
        known = errors.BadRequest if error.status_code < 500 else DomainError
    if error.status_code == 400 and "parsing the body" in str(error.detail):
        return response(errors.BadRequest("the body is not valid JSON"), request_id_of(request))
    detail = None if error.detail in ("Not Found", "Method Not Allowed") else str(error.detail)
    raised = known(detail)
    raised.headers.update(error.headers or {})
    if "Allow" in raised.headers:
        raised.headers["Allow"] = _with_head(raised.headers["Allow"])
    return response(raised, request_id_of(request))


def _with_head(allowed: str) -> str:
    """Where GET is allowed HEAD is, which no route knows of (``heads``)."""
    methods = set(allowed.split(", "))
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def request_id_of(request: Request) -> str | None:
    """The id that ``telemetry`` gave this request."""
    value = request.scope.get("state", {}).get("request_id")
    return None if value is None else str(value)
