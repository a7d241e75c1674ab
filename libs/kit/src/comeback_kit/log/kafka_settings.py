"""Where a Kafka cluster is and how to log in, read from one URL.

``kafka://[user:password@]host:port[,host:port][/namespace][?tls=true&ca=/path.pem&mechanism=SCRAM-SHA-512&replication=3]``.
The namespace is put before every topic and group name: several deployments may share a cluster.
"""

import re
import ssl
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

_KNOWN = frozenset({"tls", "ca", "mechanism", "replication"})
_SERVER = re.compile(r"(?:[^:,\s\[\]]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class KafkaSettings(msgspec.Struct, frozen=True):
    """``replication`` -1: the cluster's default."""

    servers: str
    namespace: str = ""
    user: str | None = None
    password: str | None = None
    mechanism: str = "PLAIN"
    tls: bool = False
    ca: str | None = None
    replication: int = -1

    @classmethod
    def from_url(cls, url: str) -> "KafkaSettings":
        """Raises ``ValueError`` for an address that is none."""
        parts = urlsplit(url)
        login, _, servers = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme != "kafka" or not all(_SERVER.fullmatch(one) for one in servers.split(",")):
            raise ValueError("the log's address must be kafka://host:port[,host:port]")
        if unknown := options.keys() - _KNOWN:
            raise ValueError(f"unknown options in the log's address: {', '.join(sorted(unknown))}")
        return cls(
            servers=servers,
            namespace=parts.path.strip("/"),
            user=unquote(user) or None,
            password=unquote(password) or None,
            mechanism=options.get("mechanism", "PLAIN"),
            tls=options.get("tls", "false").lower() in ("1", "true", "yes"),
            ca=options.get("ca"),
            replication=int(options.get("replication", "-1")),
        )

    def wire(self, name: str) -> str:
        """The name on the wire of a topic or group."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def logical(self, wire: str) -> str:
        """The opposite of ``wire``."""
        return wire[len(self.namespace) + 1 :] if self.namespace else wire

    def client(self) -> dict[str, Any]:
        """What every aiokafka client takes."""
        protocol = ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers.split(","),
            "security_protocol": protocol,
            "request_timeout_ms": 5_000,
            "retry_backoff_ms": 100,
            "metadata_max_age_ms": 10_000,
        }
        if self.tls:
            options["ssl_context"] = ssl.create_default_context(cafile=self.ca)
        if self.user:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options
