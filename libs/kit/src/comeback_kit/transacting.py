"""How a request runs: without a transaction, in one, or in one that the endpoint begins."""

import contextlib

from starlette.requests import Request
from starlette.responses import Response

from comeback_kit import idempotency
from comeback_kit.auth import Principal
from comeback_kit.db import Connection
from comeback_kit.endpoints import Handler
from comeback_kit.errors import DomainError
from comeback_kit.runtime import Runtime


class _RolledBack(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Beginning:
    """``await begin()`` begins the transaction of a request; it ends with the request, like any other."""

    def __init__(
        self, stack: contextlib.AsyncExitStack, principal: Principal, runtime: Runtime, claim: idempotency.Claim | None
    ) -> None:
        self._stack = stack
        self._principal = principal
        self._runtime = runtime
        self._claim = claim
        self.tx: Connection | None = None

    async def __call__(self) -> Connection:
        """The transaction of the caller's shop. Ends the request where its keyed answer was given meanwhile."""
        if self.tx is None:
            tx = await self._stack.enter_async_context(self._runtime.db.request(self._principal.shop_id))
            if self._claim is not None:
                kept = await idempotency.begin(tx, self._claim, self._runtime.clock())
                if kept is not None:
                    raise _RolledBack(kept)
            self.tx = tx
        return self.tx


async def alone(
    request: Request,
    _principal: Principal,
    _runtime: Runtime,
    _claim: idempotency.Claim | None,
    handle: Handler,
) -> Response:
    """What asks for no transaction gets none."""
    return await handle(request)


async def in_transaction(
    request: Request,
    principal: Principal,
    runtime: Runtime,
    claim: idempotency.Claim | None,
    handle: Handler,
) -> Response:
    """All of it in one transaction, which is ``request.state.tx``."""
    begun = False
    try:
        async with runtime.db.request(principal.shop_id) as tx:
            request.state.tx = tx
            if claim is not None:
                kept = await idempotency.begin(tx, claim, runtime.clock())
                if kept is not None:
                    return kept
            begun = True
            response = _accepted(await handle(request))
            if claim is not None:
                await idempotency.keep(tx, claim, response, runtime.clock())
            return response
    except (_RolledBack, DomainError) as error:
        return await _refused(error, principal, runtime, claim if begun else None)


async def in_late_transaction(
    request: Request,
    principal: Principal,
    runtime: Runtime,
    claim: idempotency.Claim | None,
    handle: Handler,
) -> Response:
    """The endpoint begins the transaction (``request.state.beginning``) after what takes long.

    PostgreSQL ends a transaction that idles for long, and one that is open keeps everybody's old rows. A keyed answer
    that is kept is given before the endpoint has any work; who meets the same request under way is refused when the
    work is done, or given its answer.
    """
    if claim is not None:
        kept = await _answered_meanwhile(principal, runtime, claim)
        if kept is not None:
            return kept
    begin: Beginning | None = None
    try:
        async with contextlib.AsyncExitStack() as stack:
            begin = request.state.beginning = Beginning(stack, principal, runtime, claim)
            response = _accepted(await handle(request))
            if claim is not None:
                await idempotency.keep(await begin(), claim, response, runtime.clock())
            return response
    except (_RolledBack, DomainError) as error:
        begun = begin is not None and begin.tx is not None
        return await _refused(error, principal, runtime, claim if begun else None)


def _accepted(response: Response) -> Response:
    """The answer of a transaction that commits. Raises for any other."""
    if response.status_code >= 400:
        raise _RolledBack(response)
    return response


async def _refused(
    error: _RolledBack | DomainError, principal: Principal, runtime: Runtime, claim: idempotency.Claim | None
) -> Response:
    """What is answered where nothing was done. Raises the error of a use case."""
    if claim is not None:
        kept = await _answered_meanwhile(principal, runtime, claim)
        if kept is not None:
            return kept
    if isinstance(error, _RolledBack):
        return error.response
    raise error


async def _answered_meanwhile(principal: Principal, runtime: Runtime, claim: idempotency.Claim) -> Response | None:
    """The answer that the same request was given between our look and our lock: its effect may be what refuses us."""
    async with runtime.db.request(principal.shop_id) as tx:
        return await idempotency.begin(tx, claim, runtime.clock())
