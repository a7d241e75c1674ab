"""A real Kafka broker from Maven's jars: one per test process. ``python -m tests.support.kafka`` runs one by hand."""

import atexit
import base64
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scratch import scratch
from tests.support.shared_files import REPO_ROOT

CACHE = REPO_ROOT / ".cache" / "kafka"
POM = Path(__file__).with_name("kafka_jars") / "pom.xml"
_START_SECONDS = 60.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
message.max.bytes=10485760
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""

_LOGGING = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""


def jars() -> Path:
    """The folder with the broker's jars, fetched once by Maven into the repository's cache."""
    done = CACHE / "lib" / ".complete"
    if done.exists():
        return done.parent
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            subprocess.run(
                ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={done.parent}"],
                check=True,
            )
            done.touch()
    return done.parent


class KafkaBroker:
    """One KRaft node on free ports. The methods block: call them through ``asyncio.to_thread`` inside a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._controller = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "server.properties").write_text(
            _PROPERTIES.format(port=self.port, controller=self._controller, folder=folder)
        )
        (folder / "log4j2.properties").write_text(_LOGGING)
        cluster = "c" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a leading "-" would be an option
        formatting = self._java(
            "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", "server.properties"
        )
        if formatting.wait() != 0:
            raise RuntimeError(f"cannot format the storage:\n{(folder / 'broker.log').read_text()[-2000:]}")

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    def url_for(self, namespace: str) -> str:
        """The same broker with a namespace of topic and group names: tests do not see each other."""
        return f"{self.url}/{namespace}"

    def start(self) -> None:
        """Start unless it runs, and wait until it answers a metadata request as its own controller."""
        if self.running:
            return
        self._process = self._java("kafka.Kafka", "server.properties")
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the broker did not start:\n{(self.folder / 'broker.log').read_text()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """A clean shutdown."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """A crash (SIGKILL)."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """The process stands still with its connections open (SIGSTOP), as a network that swallows packets looks."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether a metadata request is answered, with a broker and a controller in it."""
        with contextlib.suppress(OSError, struct.error):
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(struct.pack(">ihhih4si", 18, 3, 1, 1, 4, b"test", 0))
                body = _read_exactly(connection, struct.unpack(">i", _read_exactly(connection, 4))[0])
            (brokers,) = struct.unpack_from(">i", body, 4)
            (controller,) = struct.unpack_from(">i", body, len(body) - 8)
            return bool(brokers > 0 and controller > 0)
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process = None

    def _java(self, *arguments: str) -> "subprocess.Popen[bytes]":
        log = (self.folder / "broker.log").open("ab")
        process = subprocess.Popen(
            [
                *("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                *("-Dlog4j2.configurationFile=log4j2.properties", "-cp", f"{jars()}/*", *arguments),
            ],
            cwd=self.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        atexit.register(_kill_quietly, process)
        return process


def _kill_quietly(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("closed by the broker")
        data += part
    return data


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _needs_java() -> None:
    if shutil.which("java") is None or (shutil.which("mvn") is None and not (CACHE / "lib" / ".complete").exists()):
        message = "no Java or Maven here for a Kafka broker"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@contextlib.contextmanager
def running_broker() -> Iterator[KafkaBroker]:
    """A broker of one's own (fault tests, benchmarks), removed at the end."""
    _needs_java()
    with scratch("kafka") as folder:
        broker = KafkaBroker(folder)
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """The broker of this test process."""
    with running_broker() as broker:
        yield broker


def main() -> None:
    """Run a broker until Ctrl-C."""
    with running_broker() as broker, contextlib.suppress(KeyboardInterrupt):
        print(broker.url, flush=True)  # noqa: T201
        signal.sigwait([signal.SIGINT, signal.SIGTERM])


if __name__ == "__main__":
    main()
