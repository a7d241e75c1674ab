"""What callers of this service are refused with, beyond what every service has."""

from comeback_kit.errors import Forbidden, NotFound, Unauthorized


class MessageUnknown(NotFound):
    code = "message_unknown"
    title = "There is no such message"


class OrderUnknown(NotFound):
    code = "order_unknown"
    title = "The order is not known here (yet)"
    retryable = True
    retry_after = 1


class LinkInvalid(Forbidden):
    code = "link_invalid"
    title = "This link is not valid"


class MailboxClosed(Forbidden):
    code = "mailbox_closed"
    title = "The mailbox is open to shop keys only, not to customers"


class MailboxNeedsKey(Unauthorized):
    code = "mailbox_needs_key"
    title = "The mailbox opens with a shop key; without one only on this machine, while mails go to the folder"
