"""HEAD is answered as GET is, without the body: decided at the edge alone, so that no route and no document has it.

The scope is copied: the server frames the answer by its own, in which the method stays HEAD.
"""

from starlette.types import Message, Scope, Send


def as_get(scope: Scope) -> Scope:
    """What the app is asked instead."""
    return {**scope, "method": "GET"}


def without_body(send: Send) -> Send:
    """``send`` that drops the bytes of the body; the headers, ``Content-Length`` too, tell of what GET would send."""

    async def bodiless(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return bodiless
