"""Which failures pass by themselves, and which never will."""

import enum

import asyncpg
import msgspec

from comeback_kit.errors import DomainError, PermanentError, TransientError
from comeback_kit.log.port import EntryTooLarge


class Kind(enum.Enum):
    """What a consumer or a timer does about a failure."""

    TRANSIENT = "transient"  # again, for ever
    PERMANENT = "permanent"  # bisect, dead-letter
    UNKNOWN = "unknown"  # a few tries, then as permanent


_TRANSIENT = (
    TransientError,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,  # the connection was lost under us
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server shuts down, starts up, or cancelled us
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalServerError,
)
_PERMANENT = (
    PermanentError,
    DomainError,
    EntryTooLarge,
    asyncpg.DataError,  # NUL in a text, a number out of range
    asyncpg.IntegrityConstraintViolationError,
    msgspec.ValidationError,
    msgspec.DecodeError,
    RecursionError,
    UnicodeError,
)


def kind_of(error: BaseException) -> Kind:
    """How a failure is to be treated; a retryable ``DomainError`` passes by itself."""
    if isinstance(error, DomainError) and error.retryable:
        return Kind.TRANSIENT
    if isinstance(error, _PERMANENT):
        return Kind.PERMANENT
    if isinstance(error, _TRANSIENT):
        return Kind.TRANSIENT
    return Kind.UNKNOWN
