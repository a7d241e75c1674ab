"""The smallest service there is, in raw ASGI: what both proxies stand in front of. ``--port`` says where."""

import argparse
from typing import Any

import uvicorn

_BODY = b'{"customer_id":"c1","balance":120,"pending":0,"held":0,"shortfall":0,"lifetime_earned":340,"tier":null}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001  # ASGI's signature
    """Answers every request alike."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=parser.parse_args().port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
