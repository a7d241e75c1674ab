"""Which failures pass by themselves, and which never will."""

import enum

import asyncpg
import msgspec
import pydantic

from comeback_kit.errors import DomainError, PermanentError, TransientError
from comeback_kit.log.port import EntryTooLarge


class Kind(enum.Enum):
    """What a consumer or a timer does about a failure."""

    TRANSIENT = "transient"  # again, for ever
    SLOW = "slow"  # the statement ran out of time: half as much at once; what is alone is tried for ever
    PERMANENT = "permanent"  # bisect, dead-letter
    UNKNOWN = "unknown"  # a few tries, then as permanent


_PERMANENT = (
    PermanentError,
    DomainError,
    EntryTooLarge,
    asyncpg.DataError,  # NUL in a text, a number out of range
    asyncpg.ProgramLimitExceededError,  # a key too long for an index
    msgspec.MsgspecError,
    pydantic.ValidationError,
    RecursionError,
    UnicodeError,
)
_TRANSIENT = (
    TransientError,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,  # the connection was lost under us
    asyncpg.InternalClientError,  # the same, noticed between the server's farewell and its hang-up
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server shuts down or starts up
    asyncpg.InsufficientResourcesError,  # a full disk, too many connections
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidTransactionStateError,  # read-only after a failover, idle for too long
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    # No event can cause these: the schema or the roles are not what the code expects, and will be.
    asyncpg.SyntaxOrAccessError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCachedStatementError,
)

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)


def most_seconds(error: BaseException) -> float:
    """The longest wait between two tries: short for a server that is away, since looking for it costs nothing."""
    return 3.0 if isinstance(error, _AWAY) else 30.0


def kind_of(error: BaseException) -> Kind:
    """How a failure is to be treated.

    A retryable ``DomainError`` passes by itself. A violated constraint may be a race that the next try wins, so it is
    not taken for permanent at once.
    """
    if isinstance(error, DomainError) and error.retryable:
        return Kind.TRANSIENT
    if isinstance(error, _PERMANENT):
        return Kind.PERMANENT
    if isinstance(error, asyncpg.QueryCanceledError):
        return Kind.SLOW
    if isinstance(error, _TRANSIENT):
        return Kind.TRANSIENT
    return Kind.UNKNOWN
