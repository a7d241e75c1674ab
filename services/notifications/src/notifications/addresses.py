"""E-mail addresses: which ones can be written to, and how one is written in a header. Pure."""

import re
from typing import Final

import idna

# Beside what has a meaning in a header: what nobody sees, which makes two mailboxes look like one.
_LOCAL: Final = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+\Z")
_LONGEST_LOCAL: Final = 64  # octets (RFC 5321 §4.5.3.1.1, RFC 6531 §3.3)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def usable(address: str | None) -> str | None:
    """The address as a mail server takes it (domain lower-cased, in ASCII), or None where it cannot be one.

    It may hold no white space, no control character and nothing that has a meaning in a header, so that an address can
    never add a header or a second recipient. Quoted local parts and address literals are refused: nobody has one.
    """
    if address is None:
        return None
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL.match(local) or len(local.encode()) > _LONGEST_LOCAL:
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None or len(local.encode()) + 1 + len(ascii_domain) > 254:
        return None
    return f"{local}@{ascii_domain}"


def folded(address: str) -> str:
    """The form in which two spellings of a mailbox are the same (no server in use tells case apart)."""
    return address.lower()


def needs_smtputf8(address: str) -> bool:
    """Whether a mail server must offer SMTPUTF8 (RFC 6531) to take this address."""
    return not address.isascii()


def _ascii_domain(domain: str) -> str | None:
    try:
        # IDNA 2008: Python's own codec is of 2003, and writes to strasse.de where straße.de, another domain, is meant.
        encoded = idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except idna.IDNAError:
        return None
    labels = encoded.split(".")
    if len(encoded) > 253 or not all(_LABEL.match(label) for label in labels):
        return None
    # A single label is a host of the same network (localhost); an all-numeric top level is an IPv4 address.
    return None if len(labels) > 1 and labels[-1].isdigit() else encoded
