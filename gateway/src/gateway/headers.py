"""What of a request's and an answer's headers is passed on."""

from collections.abc import Iterable
from typing import Final, NamedTuple

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
FORWARDED: Final = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip"}
)
# Set anew by the gateway, or of the caller's connection only.
_READ: Final = frozenset(
    {b"authorization", b"x-request-id", b"traceparent", b"content-length", b"connection", b"transfer-encoding"}
)
_NOT_PASSED: Final = HOP_BY_HOP | FORWARDED | _READ | {b"host", b"expect"}
_INTERNAL: Final = b"x-comeback-"
_NOT_ANSWERED: Final = HOP_BY_HOP | {b"x-request-id", b"date", b"server"}


class Incoming(NamedTuple):
    """A request's headers, read once. ``passed`` is what a service may see of them."""

    passed: Headers
    authorization: bytes | None
    request_id: bytes | None
    traceparent: bytes | None
    length: bytes | None
    has_body: bool
    keyed: bool
    forwarded: bool


def read(headers: Iterable[tuple[bytes, bytes]]) -> Incoming:
    """Sort a request's headers. Two ``Authorization`` headers count as a malformed one."""
    passed: Headers = []
    found: dict[bytes, bytes] = {}
    keyed = forwarded = False
    for pair in headers:
        name = pair[0]
        if name in _NOT_PASSED:
            if name in _READ:
                found[name] = b"" if name in found and name == b"authorization" else pair[1]
            elif name in FORWARDED:
                forwarded = True
        elif not name.startswith(_INTERNAL):
            keyed = keyed or name == b"idempotency-key"
            passed.append(pair)
    named = found.get(b"connection")
    if named is not None and named.lower() not in (b"keep-alive", b"close"):
        passed = _without_named(passed, named)
    length = found.get(b"content-length")
    return Incoming(
        passed,
        found.get(b"authorization"),
        found.get(b"x-request-id"),
        found.get(b"traceparent"),
        length,
        b"transfer-encoding" in found or (length is not None and length != b"0"),
        keyed,
        forwarded,
    )


def _without_named(headers: Headers, connection: bytes) -> Headers:
    named = {token.strip().lower() for token in connection.split(b",")}
    return [pair for pair in headers if pair[0] not in named]


def answered(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """A service's answer's headers as the caller sees them."""
    kept: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            return _without_named(answered([h for h in headers if h[0].lower() != b"connection"], request_id), value)
        if lower not in _NOT_ANSWERED:
            kept.append((lower, value))
    kept.append((b"x-request-id", request_id))
    return kept
