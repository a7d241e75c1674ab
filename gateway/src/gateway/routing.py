"""Which path goes where, and what opens it. The whole table is here."""

from enum import Enum
from typing import Final, NamedTuple

from gateway.settings import SERVICES

MIB: Final = 1_048_576
WEBHOOK_LIMIT: Final = 8 * MIB
"""Storefronts send large orders whole, and a refused webhook is a lost one; what is mapped out of it stays small."""


class Access(Enum):
    """What opens a path."""

    CALLER = "a shop key or a customer token"
    MAILBOX = "a shop key, or a caller on this machine"
    PUBLIC = "nothing"


class Route(NamedTuple):
    """``service`` None: the gateway's own. ``label`` names the route in metrics. ``limit``: most bytes of a body."""

    service: str | None
    access: Access
    label: str
    limit: int = MIB


OWN: Final = Route(None, Access.PUBLIC, "own")
_FIRST: Final[dict[str, Route]] = {
    "f": Route("feedback", Access.PUBLIC, "/f/*"),
    "p": Route("notifications", Access.PUBLIC, "/p/*"),
    "mailbox": Route("notifications", Access.MAILBOX, "/mailbox"),
}
_SECOND: Final[dict[str, Route]] = {
    **{name: Route(name, Access.CALLER, f"/v1/{name}/*") for name in SERVICES},
    "events": Route(None, Access.CALLER, "/v1/events"),
    "post-purchase": Route(None, Access.CALLER, "/v1/post-purchase/*"),
    "webhooks": Route(None, Access.PUBLIC, "/v1/webhooks/*", WEBHOOK_LIMIT),
}


def find(path: str) -> Route | None:
    """The route of a decoded path; None for a path that no service can mean (dot segments, which some clients fold)."""
    parts = path.split("/", 3)
    if "/." in path and not {".", ".."}.isdisjoint(path.split("/")):
        return None
    first = parts[1] if len(parts) > 1 else ""
    if first == "v1" and len(parts) > 2:
        return _SECOND.get(parts[2], OWN)
    if first == "mailbox" or len(parts) > 2:
        return _FIRST.get(first, OWN)
    return OWN
