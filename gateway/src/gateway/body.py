"""A request's body, read whole before anything is done with it; too much is refused, also when it comes in chunks."""

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from comeback_kit.errors import BadRequest, TooLarge


def check_length(declared: bytes | None, limit: int) -> None:
    """Refuse by ``Content-Length`` alone. Raises ``TooLarge``, or ``BadRequest`` when it is no number."""
    if declared is None:
        return
    if not declared.isdigit():
        raise BadRequest("Content-Length is not a number")
    if len(declared) > 18 or int(declared) > limit:
        raise TooLarge(f"the limit is {limit} bytes")


async def read(receive: Receive, limit: int) -> bytes:
    """The body. Raises ``TooLarge``, or ``ClientDisconnect`` when the caller went away before its end."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")  # the usual case: one message
        if len(whole) > limit:
            raise TooLarge(f"the limit is {limit} bytes")
        return whole
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"the limit is {limit} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


class Replay:
    """``receive`` for whoever comes next: the body that was read, then the connection's own messages (a disconnect)."""

    __slots__ = ("_body", "_receive")

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        body = self._body
        if body is None:
            return await self._receive()
        self._body = None
        return {"type": "http.request", "body": body, "more_body": False}
