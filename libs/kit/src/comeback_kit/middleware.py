"""Pure ASGI middleware of every service: request id, trace, verified caller, body limit, metrics."""

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comeback_kit import errors, heads, problems, telemetry
from comeback_kit.auth import InvalidToken, Principal, Verifier
from comeback_kit.targets import check_target

log = logging.getLogger(__name__)

MAX_BODY = 1_048_576


class Edge:
    """The outermost layer of a service. It sets ``request_id``, ``traceparent`` and ``principal`` in the scope's state.

    A caller without a token has no principal; the routes that need one answer 401 themselves, so that health checks and
    hosted pages stay open.
    """

    def __init__(
        self, app: ASGIApp, *, service: str, verifier: Callable[[], Verifier | None], max_body: int = MAX_BODY
    ) -> None:
        self._app = app
        self._service = service
        self._meter = telemetry.Meter(service)
        self._verifier = verifier
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":
            scope, send = heads.as_get(scope), heads.without_body(send)
        headers = {name: value for name, value in scope["headers"] if name in _WANTED}
        state = scope["state"] = dict(scope.get("state") or {})
        request_id = telemetry.request_id_from(_text(headers.get(b"x-request-id")))
        traceparent = telemetry.traceparent_from(_text(headers.get(b"traceparent")))
        state.update(request_id=request_id, traceparent=traceparent, principal=None)
        tokens = (telemetry.request_id_var.set(request_id), telemetry.traceparent_var.set(traceparent))
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        try:
            state["principal"] = self._principal(headers.get(b"authorization"))
            check_target(scope)
            await self._app(scope, self._limited(receive, headers), answer)
        except errors.DomainError as error:
            await self._refuse(error, scope, receive, answer, request_id)
        except Exception:
            log.exception("unhandled error", extra={"fields": {"path": scope["path"], "service": self._service}})
            if answer.started:
                raise
            await self._refuse(
                errors.DomainError("an unexpected error; the request id names it in our logs"),
                scope,
                receive,
                answer,
                request_id,
            )
        finally:
            telemetry.request_id_var.reset(tokens[0])
            telemetry.traceparent_var.reset(tokens[1])
            route = _route(scope)
            self._meter.count(method, route, answer.status, time.perf_counter() - started)

    async def _refuse(
        self, error: errors.DomainError, scope: Scope, receive: Receive, answer: "_Answer", request_id: str
    ) -> None:
        if not answer.started:
            await problems.response(error, request_id)(scope, receive, answer)

    def _principal(self, authorization: bytes | None) -> Principal | None:
        verifier = self._verifier()
        if authorization is None or verifier is None or authorization[:7].lower() != b"bearer ":
            return None
        try:
            return verifier.principal(authorization[7:].decode("latin-1"))
        except InvalidToken as error:
            raise errors.Unauthorized(str(error)) from error

    def _limited(self, receive: Receive, headers: dict[bytes, bytes]) -> Receive:
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_body:
            raise errors.TooLarge(f"the body has {int(declared)} bytes; the limit is {self._max_body}")
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body:
                raise errors.TooLarge(f"the body has more than {self._max_body} bytes")
            return message

        return limited


_WANTED = frozenset({b"x-request-id", b"traceparent", b"authorization", b"content-length"})


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))


class _Answer:
    """``send`` that adds the request id and remembers what was sent."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode("latin-1")
        self.started = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", self._request_id)]}
        await self._send(message)
