"""A whole Comeback in a process of its own, as ``make run`` starts it: started, killed, stopped and started again."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from allinone.postgres import EmbeddedPostgres
from tests.support.scratch import scratch

SHOP_KEY = "cbk_system01_" + "s3cretOfTheSystemTests" * 2
CUSTOMER_SECRET = "customer-secret-of-the-system-tests-32"
SHOPIFY_SECRET = "shopify-secret-of-the-system-tests"
FIRST_SHOP = {
    "COMEBACK_SHOP_KEY": SHOP_KEY,
    "COMEBACK_CUSTOMER_SECRET": CUSTOMER_SECRET,
    "COMEBACK_SHOPIFY_SECRET": SHOPIFY_SECRET,
}


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ComebackProcess:
    """One data folder, and the process that runs on it. The methods block: inside a test use ``asyncio.to_thread``."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.port = free_port()
        self.environment = dict(FIRST_SHOP if environment is None else environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The server under the data folder, for tests that stop it."""
        return EmbeddedPostgres(self.data_dir / "postgres")

    def database_url(self, name: str) -> str:
        """A database of the server under the data folder (``gateway``, ``loyalty``, …, ``log``), as its superuser."""
        lines = (self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n")
        port, socket_folder = lines[3], lines[4]
        return f"postgresql://postgres@/comeback_{name}?host={socket_folder}&port={port}"

    @property
    def log_url(self) -> str:
        """Where the event log is."""
        return self.environment.get("COMEBACK_LOG_URL") or self.database_url("log")

    def gateway_command(self, *arguments: str) -> str:
        """What ``python -m gateway …`` prints, run beside the process on its database."""
        keys = json.loads((self.data_dir / "keys.json").read_text())
        environment = {
            **os.environ,
            "GATEWAY_DATABASE_URL": self.database_url("gateway"),
            "GATEWAY_LOG_URL": self.log_url,
            "GATEWAY_INTERNAL_PRIVATE_KEY": keys["internal_private"],
            "GATEWAY_MASTER_KEY": keys["master"],
        }
        command = [sys.executable, "-m", "gateway", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def banner(self) -> str:
        """What the last start printed on standard output."""
        return (self.folder / "out").read_text()

    @property
    def errors(self) -> str:
        """What the last start printed on standard error."""
        return (self.folder / "err").read_text()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self, **environment: str) -> "subprocess.Popen[bytes]":
        """Start the process and do not wait."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COMEBACK_")}
        settings = {"COMEBACK_DATA_DIR": str(self.data_dir), "COMEBACK_PORT": str(self.port)}
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "allinone"],
                cwd=self.folder,
                env={**inherited, **settings, **self.environment, **environment},
                stdout=out,
                stderr=err,
            )
        return self._process

    def start(self, within: float = 60.0) -> None:
        """Start the process, and wait until it has told its address."""
        self.spawn()
        self.wait_until_up(within)

    def wait_until_up(self, within: float = 60.0) -> None:
        """Wait until the process that was spawned has told its address."""
        process = self._process
        assert process is not None
        deadline = time.monotonic() + within
        while not (self.ready() and "Comeback is up" in self.banner):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Comeback did not start (exit code {process.poll()}):\n{self.errors[-4000:]}")
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether ``/readyz`` answers 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL; the PostgreSQL under the data folder stays behind."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def terminate(self, within: float = 15.0) -> int:
        """SIGTERM; the exit code, which must come in time."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(within)

    def interrupt(self, within: float = 15.0) -> int:
        """Ctrl-C; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(within)

    def end(self) -> None:
        """End everything, whatever state it is in."""
        if self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.terminate()
        if self.running:
            self.kill()
        if self.data_dir.exists():
            self.postgres.stop()


@contextlib.contextmanager
def new_comeback(environment: Mapping[str, str] | None = None) -> Iterator[ComebackProcess]:
    """A Comeback that is not started yet, on an empty data folder that goes away with the block."""
    with scratch("system") as folder:
        process = ComebackProcess(folder, environment)
        try:
            yield process
        finally:
            process.end()


def with_kafka(url: str) -> dict[str, str]:
    """The first shop's environment, with the log on a broker."""
    return {**FIRST_SHOP, "COMEBACK_LOG_URL": url}
