"""HTTP manners of every service: verified callers, scopes, one transaction a request.

A service's router is ``APIRouter(route_class=TransactionRoute)``; an endpoint takes ``tx: Tx``, ``now: Now``,
``caller: Caller`` and names its scope with ``dependencies=[requires("loyalty:read")]``.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from comeback_kit import endpoints, idempotency
from comeback_kit.auth import Principal
from comeback_kit.bodies import Answer, Body, Id, IdText
from comeback_kit.db import Connection, ShopDoor, ShopReader
from comeback_kit.endpoints import Handler
from comeback_kit.errors import Forbidden, MissingScope, Unauthorized, Unavailable
from comeback_kit.runtime import Runtime
from comeback_kit.transacting import Beginning, alone, in_late_transaction, in_transaction

__all__ = [
    "Answer",
    "Begin",
    "Body",
    "Caller",
    "CustomerId",
    "Door",
    "Id",
    "IdText",
    "Now",
    "Reader",
    "RuntimeDep",
    "TransactionRoute",
    "Tx",
    "customer_only",
    "requires",
]

_PASSING = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, idempotency.AnsweredMeanwhile)
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection was lost, noticed before the server hung up
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
_TRIES = 3


class DatabaseAway(Unavailable):
    code = "database_unavailable"
    title = "The database does not answer right now"


class TransactionRoute(APIRoute):
    """A route whose endpoint runs in one transaction of the caller's shop.

    The transaction commits before the answer leaves; any exception and any answer of 400 or more rolls it back. A
    deadlock or a serialization failure is tried again. A keyed POST (``Idempotency-Key``) is kept in the same
    transaction. A GET that takes no ``tx`` has no transaction; it reads through a ``Reader``, or not at all. So has an
    endpoint that takes a ``Door`` instead, unless it is keyed: it opens one itself, or writes in one statement. One
    that takes ``Begin`` begins the transaction itself, keyed or not, after what takes long and needs no database.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        handle = endpoints.compiled(self)
        self.answer: Handler | None = None if handle is None else self._transacted(handle)

    def get_route_handler(self) -> Handler:  # type: ignore[override]  # the narrower type is what FastAPI calls
        return self._transacted(super().get_route_handler())

    def _transacted(self, handle: Handler) -> Handler:
        is_free = self.methods == {"GET"} or endpoints.asks_for(self.dependant, _door)
        without = is_free and not endpoints.asks_for(self.dependant, _tx)
        is_late = endpoints.asks_for(self.dependant, _begin)

        async def transacted(request: Request) -> Response:
            principal = principal_of(request)
            runtime = runtime_of(request)
            claim = await idempotency.claim_of(request, principal) if request.method == "POST" else None
            run = in_late_transaction if is_late else alone if without and claim is None else in_transaction
            for attempt in range(_TRIES):
                try:
                    response = await run(request, principal, runtime, claim, handle)
                except _PASSING as error:
                    if attempt == _TRIES - 1:
                        raise DatabaseAway("too much contention; try again") from error
                    await asyncio.sleep(0.01 * (attempt + 1))
                except _AWAY as error:
                    raise DatabaseAway from error
                else:
                    if request.method != "GET":
                        runtime.wake()
                    return response
            raise AssertionError("unreachable")

        return transacted


def runtime_of(request: Request) -> Runtime:
    """The running service of a request."""
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)  # noqa: S101  # set by the kit before the first request
    return runtime


def principal_of(request: Request) -> Principal:
    """The verified caller; 401 without one."""
    principal = request.scope.get("state", {}).get("principal")
    if not isinstance(principal, Principal):
        raise Unauthorized
    return principal


async def _tx(request: Request) -> Any:
    return request.state.tx


async def _begin(request: Request) -> Beginning:
    beginning = request.state.beginning
    assert isinstance(beginning, Beginning)  # noqa: S101  # set by ``in_late_transaction``
    return beginning


async def _reader(request: Request) -> ShopReader:
    return runtime_of(request).db.reader(principal_of(request).shop_id)


async def _door(request: Request) -> ShopDoor:
    tx = getattr(request.state, "tx", None)
    return ShopDoor(runtime_of(request).db, principal_of(request).shop_id, tx)


async def _now(request: Request) -> datetime:
    return runtime_of(request).clock()


async def _caller(request: Request) -> Principal:
    return principal_of(request)


async def _runtime(request: Request) -> Runtime:
    return runtime_of(request)


async def _customer(request: Request) -> str:
    principal = principal_of(request)
    if principal.kind != "customer":
        raise Forbidden("this path is for a customer's own token; a shop key uses the paths with a customer id")
    return principal.subject


Tx = Annotated[Connection, Depends(_tx)]
Begin = Annotated[Beginning, Depends(_begin)]
Reader = Annotated[ShopReader, Depends(_reader)]
Door = Annotated[ShopDoor, Depends(_door)]
Now = Annotated[datetime, Depends(_now)]
Caller = Annotated[Principal, Depends(_caller)]
RuntimeDep = Annotated[Runtime, Depends(_runtime)]
CustomerId = Annotated[str, Depends(_customer)]


class Scoped:
    """The check behind ``requires``; ``scope`` is readable, so that a test lists every route with its scope."""

    def __init__(self, scope: str, *, or_customer: bool) -> None:
        self.scope = scope
        self.or_customer = or_customer

    async def __call__(self, request: Request) -> None:
        principal = principal_of(request)
        if principal.kind == "customer":
            if not self.or_customer:
                raise Forbidden("a customer's token opens only /me paths")
        elif not principal.may(self.scope):
            raise MissingScope(f"this call needs the scope {self.scope}")


def requires(scope: str, *, or_customer: bool = False) -> Any:
    """A route dependency: a shop key with this scope (or ``admin``); customers only where ``or_customer`` says so."""
    return Depends(Scoped(scope, or_customer=or_customer))


def customer_only() -> Any:
    """A route dependency: a customer's own token and nothing else."""
    return Depends(_customer)
