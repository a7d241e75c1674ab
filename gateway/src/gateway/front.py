"""The outermost layer, in raw ASGI because every request passes it: ids, credentials, limits, and where it goes.

A request of a service goes on with the caller's ``Authorization`` replaced by the internal token; a request of the
gateway itself goes to the FastAPI app with the verified caller in the scope's state.
"""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from comeback_kit import errors, heads, problems, telemetry
from comeback_kit.auth import Minter, Principal
from comeback_kit.targets import check_target
from gateway import body, headers, routing
from gateway.credentials import Authenticator, check_customer_path
from gateway.errors import MailboxClosed
from gateway.headers import Incoming
from gateway.routing import Access, Route
from gateway.upstream import REPEATABLE, Upstream

log = logging.getLogger(__name__)

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_OWN_NAME: Final = re.compile(rb"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?", re.IGNORECASE)
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Front:
    """Serves every HTTP request of the gateway."""

    def __init__(
        self, own: ASGIApp, *, upstreams: Mapping[str, Upstream], authenticator: Authenticator, minter: Minter
    ) -> None:
        self._own = own
        self._upstreams = upstreams
        self._authenticator = authenticator
        self._minter = minter
        self._metrics = _Metrics()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        incoming = headers.read(scope["headers"])
        request_id = telemetry.request_id_from(_text(incoming.request_id))
        traceparent = telemetry.traceparent_from(_text(incoming.traceparent))
        tokens = (telemetry.request_id_var.set(request_id), telemetry.traceparent_var.set(traceparent))
        answer = _Answer(heads.without_body(send) if scope["method"] == "HEAD" else send, request_id.encode())
        route = routing.find(scope["path"])
        try:
            if route is None:
                raise errors.NotFound
            await self._serve(route, scope, incoming, (request_id, traceparent), receive, answer)
        except errors.DomainError as error:
            await _refuse(error, request_id, scope, receive, answer)
        except ClientDisconnect:
            answer.status = 499  # as nginx counts it; nobody is there to read an answer
        except Exception:
            if answer.started:
                raise  # cuts the connection: the answer must not look whole
            log.exception("unhandled error", extra={"fields": {"path": scope["path"]}})
            detail = "an unexpected error; the request id names it in our logs"
            await _refuse(errors.DomainError(detail), request_id, scope, receive, answer)
        finally:
            telemetry.request_id_var.reset(tokens[0])
            telemetry.traceparent_var.reset(tokens[1])
            label = "unmatched" if route is None else route.label
            self._metrics.count(scope["method"], label, answer.status, time.perf_counter() - started)

    async def _serve(
        self, route: Route, scope: Scope, incoming: Incoming, ids: tuple[str, str], receive: Receive, answer: "_Answer"
    ) -> None:
        principal = await self._caller(route, scope, incoming)
        check_target(scope)
        body.check_length(incoming.length, route.limit)
        if incoming.has_body or scope["method"] not in _BODILESS:
            content = await body.read(receive, route.limit)
            receive = body.Replay(content, receive)
        else:
            content = b""
        if route.service is None:
            state = {"request_id": ids[0], "traceparent": ids[1], "principal": principal}
            asked = heads.as_get(scope) if scope["method"] == "HEAD" else scope
            await self._own({**asked, "state": {**scope.get("state", {}), **state}}, receive, answer)
            return
        passed = incoming.passed
        if content or scope["method"] not in _BODILESS:
            passed.append((b"content-length", str(len(content)).encode()))
        passed.append((b"x-request-id", ids[0].encode()))
        passed.append((b"traceparent", ids[1].encode()))
        if principal is not None:
            passed.append((b"authorization", b"Bearer " + self._minter.token(principal).encode()))
        client = scope.get("client")
        if client is not None:
            passed.append((b"x-forwarded-for", str(client[0]).encode("latin-1", "replace")))
        onward = {**scope, "headers": passed, "state": {}}
        onward[REPEATABLE] = scope["method"] in _BODILESS or (scope["method"] == "POST" and incoming.keyed)
        answer.from_service = True
        await self._upstreams[route.service](onward, receive, answer)

    async def _caller(self, route: Route, scope: Scope, incoming: Incoming) -> Principal | None:
        if route.access is Access.PUBLIC:
            return None
        if route.access is Access.MAILBOX and incoming.authorization is None:
            if not _from_this_machine(scope, incoming):
                raise MailboxClosed
            return None
        principal = await self._authenticator.principal(incoming.authorization)
        if route.access is Access.MAILBOX and principal.kind != "key":
            raise errors.Forbidden("the mailbox opens with a shop key")
        if route.access is Access.CALLER:
            check_customer_path(principal, scope["path"])
        return principal


def _from_this_machine(scope: Scope, incoming: Incoming) -> bool:
    # A proxy on this machine makes everybody look local, but it says so in its headers. A web page elsewhere that lets
    # its own name point to this machine would read along in the browser of who works here, but that name is not ours.
    client = scope.get("client")
    local = client is not None and client[0] in _LOOPBACK and not incoming.forwarded
    return local and any(_OWN_NAME.fullmatch(value) for name, value in scope["headers"] if name == b"host")


async def _refuse(
    error: errors.DomainError, request_id: str, scope: Scope, receive: Receive, answer: "_Answer"
) -> None:
    if answer.started:
        raise error
    answer.from_service = False
    await problems.response(error, request_id)(scope, receive, answer)


class _Answer:
    """``send`` that puts the request id on the answer, drops what is not to be passed on, and remembers the status."""

    __slots__ = ("_request_id", "_send", "from_service", "started", "status")

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._request_id = request_id
        self.from_service = False
        self.started = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            given = message.get("headers", ())
            if self.from_service:
                kept = headers.answered(given, self._request_id)
            else:
                kept = [*given, (b"x-request-id", self._request_id)]
            message = {"type": "http.response.start", "status": self.status, "headers": kept}
        await self._send(message)


class _Metrics:
    """The kit's HTTP metrics with their children kept: looking one up by labels costs more than counting."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def count(self, method: str, label: str, status: int, seconds: float) -> None:
        pair = self._children.get((method, label, status))
        if pair is None:
            if len(self._children) > 1000:  # methods are the caller's text
                self._children.clear()
            pair = self._children[method, label, status] = (
                telemetry.REQUESTS.labels("gateway", method, label, status),
                telemetry.LATENCY.labels("gateway", label),
            )
        pair[0].inc()
        pair[1].observe(seconds)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
