"""The event log: a port (``port.py``) with two adapters, Kafka and a PostgreSQL table log.

``open_log(url)`` chooses by the URL's scheme.
"""

from comeback_kit.log.port import (
    CommitFailed,
    Entry,
    EntryTooLarge,
    EventLog,
    LogConsumer,
    LogUnavailable,
    Record,
    TopicPartition,
    TopicSpec,
    group_lag,
)

__all__ = [
    "CommitFailed",
    "Entry",
    "EntryTooLarge",
    "EventLog",
    "LogConsumer",
    "LogUnavailable",
    "Record",
    "TopicPartition",
    "TopicSpec",
    "group_lag",
    "open_log",
]


def open_log(url: str) -> EventLog:
    """The log at ``url``: ``kafka://host:port[,host:port]`` or ``postgresql://…`` (the table log). Not started yet."""
    if url.startswith("kafka://"):
        from comeback_kit.log.kafka import KafkaLog  # noqa: PLC0415  # only who uses Kafka pays for its import

        return KafkaLog.from_url(url)
    from comeback_kit.log.postgres import PostgresLog  # noqa: PLC0415

    return PostgresLog(url)
