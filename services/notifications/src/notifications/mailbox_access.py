"""Who may look into the mailbox, and of which shop."""

import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from comeback_kit.auth import Principal
from comeback_kit.errors import MissingScope
from notifications.errors import MailboxClosed, MailboxNeedsKey


def shop_of_caller(principal: Principal | None) -> str | None:
    """The shop of a verified key, None without one. Raises for keys without the scope and for customers."""
    if principal is None:
        return None
    if principal.kind != "key":
        raise MailboxClosed
    if not principal.may("notifications:read"):
        raise MissingScope("this page needs the scope notifications:read")
    return principal.shop_id


def check_local(request: Request, *, folder: bool, public_url: str) -> None:
    """Let a caller without a key in only from this machine, and only while mails go to the folder.

    A proxy on this machine makes every stranger look local, so every address that the request is said to have come
    through must be this machine's too (the gateway names its caller). And a web page that lets its own name point to
    this machine must not read mails in the browser of who works here, so the name that was asked for counts as well.
    """
    headers = request.headers
    through = [*headers.get("x-forwarded-for", "").split(","), headers.get("x-real-ip", "")]
    said = [host.strip() for host in through if host.strip()]
    local = request.client is not None and all(_loopback(host) for host in [request.client.host, *said])
    named = _loopback_name(request.url.hostname) or request.url.hostname == urlsplit(public_url).hostname
    if not (folder and local and named) or "forwarded" in headers:
        raise MailboxNeedsKey


def _loopback_name(host: str | None) -> bool:
    return host is not None and (host == "localhost" or host.endswith(".localhost") or _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.split("%", 1)[0]).is_loopback
    except ValueError:
        return False
