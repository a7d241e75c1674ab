"""Endpoints as FastAPI runs them, with what FastAPI finds out anew at each request decided once, at the start.

FastAPI's own reading of the signature (``dependant``) and its own validation of parameters and bodies are used; saved
are the walk through the tree of dependencies, the exit stacks, and a second validation of the answer. An endpoint that
asks for more than this module knows (a form, a stream, a dependency that yields) is left to FastAPI.
"""

import email.message
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, serialize_response
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from starlette.requests import Request
from starlette.responses import Response

from comeback_kit.bodies import decode_json
from comeback_kit.errors import BadRequest, UnsupportedMediaType

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_BODILESS = frozenset({204, 304})


def compiled(route: APIRoute) -> Handler | None:
    """The route's handler, or None where it is FastAPI's affair."""
    return _Endpoint(route).run if _is_plain(route) else None


def asks_for(dependant: Dependant, call: Callable[..., Any]) -> bool:
    """Whether an endpoint depends on ``call``, directly or not."""
    return any(one.call is call or asks_for(one, call) for one in dependant.dependencies)


def _is_plain(route: APIRoute) -> bool:
    """Whether everything that the route uses is known here."""
    plain_response = isinstance(route.response_class, DefaultPlaceholder)
    plain_body = route.body_field is None or not isinstance(route.body_field.field_info, params.Form)
    plain_model = not any(
        (
            route.response_model_include,
            route.response_model_exclude,
            route.response_model_exclude_unset,
            route.response_model_exclude_defaults,
            route.response_model_exclude_none,
            route.is_sse_stream,
            route.is_json_stream,
        )
    )
    strict = isinstance(route.strict_content_type, DefaultPlaceholder)
    return plain_response and plain_body and plain_model and strict and _is_known(route.dependant)


def _is_known(dependant: Dependant) -> bool:
    unknown = (
        dependant.websocket_param_name,
        dependant.http_connection_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.concurrency,
    )
    return (
        not any(unknown)
        and _is_async(dependant.call)
        and dependant.use_cache
        and not any(_is_model(one.field_info.annotation) for one in dependant.path_params)
        and all(_is_known(one) for one in dependant.dependencies)
    )


def _is_model(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)


def _is_async(call: Any) -> bool:
    if inspect.isfunction(call) or inspect.ismethod(call):
        return inspect.iscoroutinefunction(call)
    return not inspect.isclass(call) and inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


class _Node:
    """One call: a dependency, or the endpoint itself. ``inputs`` are the places of the calls that it takes from."""

    __slots__ = ("body", "call", "inputs", "needs", "path", "reads", "request_name", "response_name")

    def __init__(self, dependant: Dependant, inputs: tuple[tuple[str, int], ...], needs: tuple[int, ...]) -> None:
        assert dependant.call is not None  # noqa: S101  # only websockets have none
        self.call: Callable[..., Awaitable[Any]] = dependant.call
        self.inputs = inputs
        self.needs = needs
        self.request_name = dependant.request_param_name
        self.response_name = dependant.response_param_name
        self.body = dependant.body_params
        self.path = tuple((one, one.alias, ("path", one.alias)) for one in dependant.path_params)
        given = (
            (dependant.query_params, "query_params"),
            (dependant.header_params, "headers"),
            (dependant.cookie_params, "cookies"),
        )
        self.reads = tuple((fields, place) for fields, place in given if fields)


class _Call:
    """One request on its way through the nodes."""

    __slots__ = ("body", "embed", "errors", "failed", "request", "response", "results")

    def __init__(self, request: Request, body: Any, *, embed: bool, count: int) -> None:
        self.request = request
        self.body = body
        self.embed = embed
        self.errors: list[Any] = []
        self.failed: set[int] | None = None
        self.response: Response | None = None
        self.results: list[Any] = [None] * count

    async def arguments(self, node: _Node) -> dict[str, Any] | None:
        """What the node is called with; None, and the errors are kept, where something of it is not valid."""
        values = {name: self.results[place] for name, place in node.inputs}
        wrong: list[Any] = []
        for field, alias, location in node.path:  # always there, and always one text: the path matched
            values[field.name], errors = field.validate(self.request.path_params[alias], values, loc=location)
            wrong += errors
        for fields, place in node.reads:
            found, errors = request_params_to_args(fields, getattr(self.request, place))
            values.update(found)
            wrong += errors
        if node.body:
            found, errors = await request_body_to_args(
                body_fields=node.body, received_body=self.body, embed_body_fields=self.embed
            )
            values.update(found)
            wrong += errors
        if node.request_name is not None:
            values[node.request_name] = self.request
        if node.response_name is not None:
            values[node.response_name] = self._own_response()
        self.errors += wrong
        if wrong or (self.failed and not self.failed.isdisjoint(node.needs)):
            return None
        return values

    def _own_response(self) -> Response:
        if self.response is None:
            self.response = Response()
            del self.response.headers["content-length"]
            self.response.status_code = None  # type: ignore[assignment]  # as FastAPI does: whether it was set
        return self.response


class _Endpoint:
    def __init__(self, route: APIRoute) -> None:
        self._nodes: list[_Node] = []
        self._places: dict[Any, int] = {}
        self._place(route.dependant)
        self._has_body = route.body_field is not None
        self._embed = route._embed_body_fields  # noqa: SLF001  # FastAPI's own verdict on the signature
        self._status = route.status_code
        self._field = route.response_field
        self._model = route.response_model if _is_model(route.response_model) else None

    def _place(self, dependant: Dependant) -> int:
        """Put the calls that this one needs before it; a call that two depend on is made once."""
        inputs = [(one.name, self._place(one)) for one in dependant.dependencies]
        if dependant.call in self._places:
            return self._places[dependant.call]
        named = tuple((name, place) for name, place in inputs if name is not None)
        self._nodes.append(_Node(dependant, named, tuple(place for _, place in inputs)))
        self._places[dependant.call] = len(self._nodes) - 1
        return len(self._nodes) - 1

    async def run(self, request: Request) -> Response:
        """Answer a request. Raises what the calls raise, and ``RequestValidationError``."""
        body = await _body(request) if self._has_body else None
        call = _Call(request, body, embed=self._embed, count=len(self._nodes))
        results, last = call.results, len(self._nodes) - 1
        for place, node in enumerate(self._nodes):
            values = await call.arguments(node)
            if values is None or (place == last and call.errors):
                call.failed = (call.failed or set()) | {place}
            else:
                results[place] = await node.call(**values)
        if call.errors:
            raise RequestValidationError(call.errors, body=body)
        return await self._answer(results[last], call.response)

    async def _answer(self, result: Any, given: Response | None) -> Response:
        if isinstance(result, Response):
            return result
        status = (None if given is None else given.status_code) or self._status or 200
        if status in _BODILESS:
            response = Response(status_code=status)
        else:
            response = Response(await self._json(result), status_code=status, media_type="application/json")
        if given is not None:
            response.raw_headers.extend(given.raw_headers)
        return response

    async def _json(self, result: Any) -> bytes:
        if type(result) is self._model:
            encoded: bytes = result.__pydantic_serializer__.to_json(result, by_alias=True)
            return encoded
        if self._field is not None:
            content: bytes = await serialize_response(field=self._field, response_content=result, dump_json=True)
            return content
        return json.dumps(await serialize_response(response_content=result), separators=(",", ":")).encode()


async def _body(request: Request) -> Any:
    """The body, which is JSON unless the content type says something else: then it is 415, where FastAPI has 422."""
    raw = await request.body()
    if not raw:
        return PydanticUndefined
    kind = request.headers.get("content-type")
    if kind is not None and kind != "application/json" and not _says_json(kind):
        raise UnsupportedMediaType("send `Content-Type: application/json`")
    try:
        return decode_json(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not valid JSON") from error


def _says_json(kind: str) -> bool:
    message = email.message.Message()
    message["content-type"] = kind
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))
