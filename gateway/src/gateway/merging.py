"""The services' OpenAPI documents made one: names prefixed, failures and credentials said once. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]

_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
_PUBLIC: Final = ("/v1/", "/f/", "/p/", "/mailbox")
_HOSTED: Final = ("/f/", "/p/", "/v1/webhooks/")
_SCHEMAS: Final = "#/components/schemas/"
_DROPPED: Final = frozenset({"HTTPValidationError", "ValidationError"})  # FastAPI's own failures; ours are problems
_DESCRIPTION: Final = """What belongs after the purchase: points, surveys, messages, recommendations.

Every failure is an RFC 9457 problem (`application/problem+json`) with a stable `code`. A 503 says when to try again in
`Retry-After`. Keys and tokens go into `Authorization: Bearer …`."""
_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "A failure (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; made for programs."},
        "retryable": {"type": "boolean"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_FAILURE: Final[Json] = {
    "description": "A problem: 400 not readable, 401 no valid credentials, 403 not allowed, 404 not here, "
    "409 conflict, 413 too large, 415 not JSON, 422 bad fields, 429 too many, 503 try again.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SCHEMES: Final[Json] = {
    "shopKey": {"type": "http", "scheme": "bearer", "description": "A shop key: `cbk_<id>_<secret>`, with scopes."},
    "customerToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A customer's own token: `sub` = customer id, `aud` = shop id, at most 15 minutes.",
    },
}


def merged(own: Json, services: Mapping[str, Json], absent: Iterable[str]) -> Json:
    """One document. ``absent``: services that did not answer; the text names them."""
    paths: Json = {}
    schemas: Json = {"Problem": _PROBLEM}
    for prefix, document in (("gateway", own), *services.items()):
        _add(prefix, document, paths, schemas)
    missing = ", ".join(absent)
    note = f"\n\nNot answering right now, and left out here: {missing}." if missing else ""
    return {
        "openapi": "3.1.0",
        "info": {**own["info"], "description": _DESCRIPTION + note},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation of everything in a document."""
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def _add(prefix: str, document: Json, paths: Json, schemas: Json) -> None:
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        if name not in _DROPPED:
            schemas[_named(prefix, name)] = _renamed(schema, prefix)
    for path, method, operation in operations(document):
        if path.startswith(_PUBLIC):
            paths.setdefault(path, {})[method] = _operation(prefix, path, _renamed(operation, prefix))


def _operation(prefix: str, path: str, operation: Json) -> Json:
    kept = {status: answer for status, answer in operation.get("responses", {}).items() if int(status[0]) < 4}
    return {
        **operation,
        "operationId": f"{prefix}_{operation.get('operationId', 'operation')}",
        "tags": operation.get("tags") or [prefix.capitalize()],
        "responses": {**kept, "default": _FAILURE},
        "security": _security(path),
    }


def _security(path: str) -> list[Json]:
    if path.startswith(_HOSTED):
        return []
    if path.startswith("/mailbox"):
        return [{"shopKey": []}, {}]  # or nothing, from this machine
    if path.startswith("/v1/post-purchase/"):
        return [{"shopKey": []}, {"customerToken": []}]
    parts = path.split("/")
    return [{"customerToken": []}] if len(parts) > 3 and parts[3] == "me" else [{"shopKey": []}]


def _named(prefix: str, name: str) -> str:
    return f"{prefix.capitalize()}.{name}"


def _renamed(value: Any, prefix: str) -> Any:
    """The same value with its references to schemas prefixed: those of ``$ref``, and those of a discriminator's map."""
    if isinstance(value, dict):
        return {key: _renamed(item, prefix) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, prefix) for item in value]
    if isinstance(value, str) and value.startswith(_SCHEMAS):
        return _SCHEMAS + _named(prefix, value.removeprefix(_SCHEMAS))
    return value
