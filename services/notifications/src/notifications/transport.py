"""Handing a mail over: what went in, what came of it. Two implementations, ``smtp.py`` and ``folder.py``."""

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["sent", "bounced", "failed", "retry", "away"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail on its way. ``name``: the message's id; addresses as ``addresses.usable`` writes them."""

    name: str
    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one attempt.

    ``sent``: the other side has it. ``bounced``: refused for good; ``suppress``: because the mailbox does not exist.
    ``failed``: it cannot be sent by any retry. ``retry``: refused for now. ``away``: nobody to hand it to, or the
    server refuses *us*; says nothing about the message.
    """

    kind: Kind
    reply: str
    suppress: bool = False


class Transport(Protocol):
    """A way for mails to leave. ``width``: how many ``deliver`` calls it takes at once."""

    width: int

    async def deliver(self, mail: Outgoing) -> Verdict:
        """Hand one mail over. Never raises for what the other side does; only for cancellation."""
        ...

    async def forget(self, names: list[str]) -> None:
        """Remove copies that the transport itself keeps (a person's erasure)."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
