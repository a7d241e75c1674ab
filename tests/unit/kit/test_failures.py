"""Which failures are tried again for ever, which are bisected, and which are neither at first."""

import asyncpg
import msgspec
import pytest

from comeback_kit.errors import Conflict, PermanentError, TransientError, Unavailable
from comeback_kit.failures import Kind, kind_of, most_seconds
from comeback_kit.log.port import CommitFailed, EntryTooLarge, LogUnavailable


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransientError(), Kind.TRANSIENT),
        (LogUnavailable(), Kind.TRANSIENT),
        (CommitFailed(), Kind.TRANSIENT),
        (Unavailable(), Kind.TRANSIENT),
        (ConnectionRefusedError(), Kind.TRANSIENT),
        (TimeoutError(), Kind.TRANSIENT),
        (asyncpg.InterfaceError("connection is closed"), Kind.TRANSIENT),
        (asyncpg.ConnectionDoesNotExistError("x"), Kind.TRANSIENT),
        (asyncpg.CannotConnectNowError("x"), Kind.TRANSIENT),
        (asyncpg.AdminShutdownError("x"), Kind.TRANSIENT),
        (asyncpg.TooManyConnectionsError("x"), Kind.TRANSIENT),
        (asyncpg.DiskFullError("x"), Kind.TRANSIENT),
        (asyncpg.DeadlockDetectedError("x"), Kind.TRANSIENT),
        (asyncpg.SerializationError("x"), Kind.TRANSIENT),
        (asyncpg.LockNotAvailableError("x"), Kind.TRANSIENT),
        (asyncpg.ReadOnlySQLTransactionError("x"), Kind.TRANSIENT),
        # The schema is behind the code: a migration is missing, no event is to blame.
        (asyncpg.UndefinedTableError("x"), Kind.TRANSIENT),
        (asyncpg.UndefinedColumnError("x"), Kind.TRANSIENT),
        (asyncpg.InsufficientPrivilegeError("x"), Kind.TRANSIENT),
        (asyncpg.InvalidCatalogNameError("x"), Kind.TRANSIENT),
        (asyncpg.QueryCanceledError("statement timeout"), Kind.SLOW),
        (PermanentError(), Kind.PERMANENT),
        (Conflict(), Kind.PERMANENT),
        (EntryTooLarge([0]), Kind.PERMANENT),
        (asyncpg.CharacterNotInRepertoireError("NUL"), Kind.PERMANENT),
        (asyncpg.NumericValueOutOfRangeError("x"), Kind.PERMANENT),
        (asyncpg.ProgramLimitExceededError("index row too large"), Kind.PERMANENT),
        (msgspec.ValidationError("x"), Kind.PERMANENT),
        (RecursionError(), Kind.PERMANENT),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), Kind.PERMANENT),
        # A violated constraint may be a race that the next try wins.
        (asyncpg.UniqueViolationError("x"), Kind.UNKNOWN),
        (asyncpg.ForeignKeyViolationError("x"), Kind.UNKNOWN),
        (KeyError("x"), Kind.UNKNOWN),
        (ZeroDivisionError(), Kind.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_failures_are_sorted(error: Exception, kind: Kind) -> None:
    assert kind_of(error) is kind


def test_a_server_that_is_away_is_looked_for_often() -> None:
    assert most_seconds(ConnectionRefusedError()) < most_seconds(TransientError()) == 30.0
