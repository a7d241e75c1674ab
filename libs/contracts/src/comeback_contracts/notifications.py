"""What notifications tells: what became of each message. Addresses and contents stay inside."""

from comeback_contracts.ids import Id
from comeback_contracts.instants import Instant
from comeback_contracts.model import Contract
from comeback_contracts.text import ShortText, Url


class MessageData(Contract):
    """What every ``message.*`` event says. ``workflow`` is the message's kind, ``channel`` how it went."""

    message_id: Id
    customer_id: Id
    workflow: ShortText
    channel: ShortText
    order_id: Id | None = None
    at: Instant | None = None


class MessageSent(MessageData):
    """``message.sent``: handed over to a provider."""


class MessageDelivered(MessageData):
    """``message.delivered``: the receiving side took it."""


class MessageUnsent(MessageData):
    """``message.bounced .failed .skipped``: it did not reach anybody, because of ``reason``."""

    reason: ShortText | None = None


class MessageOpened(MessageData):
    """``message.opened``; ``by_machine`` where a scanner or prefetcher did it."""

    by_machine: bool = False


class MessageClicked(MessageData):
    """``message.clicked``; ``by_machine`` where a scanner did it."""

    url: Url | None = None
    by_machine: bool = False
