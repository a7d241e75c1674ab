"""Who may look into the mailbox, and of which shop."""

import ipaddress

from fastapi import Request

from comeback_kit.auth import Principal
from comeback_kit.errors import MissingScope
from notifications.errors import MailboxClosed

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def shop_of_caller(principal: Principal | None) -> str | None:
    """The shop of a verified key, None without one. Raises for keys without the scope and for customers."""
    if principal is None:
        return None
    if principal.kind != "key":
        raise MailboxClosed
    if not principal.may("notifications:read"):
        raise MissingScope("this page needs the scope notifications:read")
    return principal.shop_id


def check_local(request: Request, *, folder: bool) -> None:
    """Let a caller without a key in only from this machine, and only while mails go to the folder.

    A proxy on this machine makes every stranger look local, so a forwarded request never counts as such.
    """
    host = request.client.host if request.client else ""
    forwarded = any(name in request.headers for name in _FORWARDED)
    if not folder or forwarded or not _loopback(host):
        raise MailboxClosed


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.split("%", 1)[0]).is_loopback
    except ValueError:
        return False
