"""Every failure that the gateway itself answers with; the services' own failures pass through as they are."""

from comeback_kit import errors


class LogAway(errors.Unavailable):
    code = "log_unavailable"
    title = "The event log does not answer right now; nothing was accepted"


class DatabaseAway(errors.Unavailable):
    code = "database_unavailable"
    title = "The database does not answer right now"


class ServiceAway(errors.Unavailable):
    code = "service_unavailable"
    title = "The service behind this path does not answer right now"


class ServiceBusy(errors.Unavailable):
    code = "service_busy"
    title = "Too many calls to the service behind this path are in flight"


class OrderUnknown(errors.NotFound):
    code = "order_unknown"
    title = "No service knows this order yet; its events may still be on their way"
    retryable = True
    retry_after = 1


class EventsRejected(errors.Unprocessable):
    code = "invalid_request"
    title = "No event of the request was accepted"


class InTheFuture(errors.Unprocessable):
    code = "in_the_future"
    title = "A timestamp is more than ten minutes in the future"


class DoesNotAddUp(errors.Unprocessable):
    code = "order_does_not_add_up"
    title = "The parts of the order do not add up to its total"


class SignatureInvalid(errors.Unauthorized):
    code = "signature_invalid"
    title = "The webhook's signature is not valid"


class WebhookUnmappable(errors.Unprocessable):
    code = "webhook_unmappable"
    title = "The webhook's body cannot be understood"


class MailboxClosed(errors.Unauthorized):
    title = "The mailbox opens from this machine, or with a shop key"


class WrongMasterKey(RuntimeError):
    """The master key is not the one that this database's secrets were written with."""


class KeyTaken(ValueError):
    """The key id belongs to another shop."""


class ShopUnknown(LookupError):
    """There is no shop with this id."""
