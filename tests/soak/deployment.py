"""Every service as on Kubernetes: an api process each, and workers (consumer, relay, timers), two of some."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx

from comeback_kit import migrate
from comeback_kit.auth import generate_key_pair
from tests.support.comeback import free_port
from tests.support.waiting import eventually

WORKERS: Final = {"loyalty": 2, "notifications": 2, "feedback": 1, "recommendations": 1}
_WORK: Final = "consumer,relay,timers"


class ServiceProcess:
    """One process of a service; it may be killed and started again."""

    def __init__(self, folder: Path, name: str, service: str, port: int, environment: dict[str, str]) -> None:
        self.name = name
        self.is_frozen = False
        self._command = [sys.executable, "-m", service, "serve", "--port", str(port)]
        self._environment = {**os.environ, **environment}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and do not wait."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    @property
    def running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def terminate(self, within: float = 15.0) -> bool:
        """SIGTERM; whether it ended in time."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True


class Deployment:
    """All processes on one PostgreSQL server, one broker and one SMTP server."""

    def __init__(self, folder: Path, postgres_url: str, log_url: str, smtp_url: str) -> None:
        self._folder = folder
        self._server = postgres_url
        self._log = log_url
        self._smtp = smtp_url
        self._keys = generate_key_pair()
        self._urls: dict[str, str] = {}
        self._ports = {service: free_port() for service in ("gateway", *WORKERS)}
        self.processes: list[ServiceProcess] = []

    @property
    def base_url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self._ports['gateway']}"

    @property
    def workers(self) -> list[ServiceProcess]:
        """The processes without HTTP."""
        return [one for one in self.processes if "worker" in one.name]

    async def start(self) -> None:
        """Migrate, start everything, and wait until the gateway finds every service ready."""
        for service in self._ports:
            self._urls[service] = await migrate.prepare(self._server, f"comeback_{service}", service)
            await migrate.upgrade(self._urls[service], service, service)
        for service, port in self._ports.items():
            self._add(f"{service}-api", service, port, "api")
        for service, count in WORKERS.items():
            for number in range(count):
                self._add(f"{service}-worker-{number}", service, free_port(), _WORK)
        async with httpx.AsyncClient(base_url=self.base_url) as http:
            await eventually(lambda: _is_ready(http), within=120.0)

    def stop(self) -> list[str]:
        """End everything; the names of those that did not end in time by themselves."""
        return [one.name for one in self.processes if one.running and not one.terminate()]

    async def run(self, service: str, *arguments: str) -> str:
        """What ``python -m <service> …`` prints. Raises ``RuntimeError`` with its complaint."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            service,
            *arguments,
            env={**os.environ, **self._environment(service, "api")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{service} {arguments[0]}: {(err or out).decode()[-2000:]}")
        return out.decode().strip()

    def _add(self, name: str, service: str, port: int, roles: str) -> None:
        process = ServiceProcess(self._folder, name, service, port, self._environment(service, roles))
        process.start()
        self.processes.append(process)

    def _environment(self, service: str, roles: str) -> dict[str, str]:
        settings = {
            "DATABASE_URL": self._urls[service],
            "LOG_URL": self._log,
            "ROLES": roles,
            "LOG_LEVEL": "warning",
            "PUBLIC_URL": self.base_url,
        }
        if service == "gateway":
            addresses = {f"{name.upper()}_URL": f"http://127.0.0.1:{self._ports[name]}" for name in WORKERS}
            settings |= {"INTERNAL_PRIVATE_KEY": self._keys.private, "MASTER_KEY": "of-this-soak-" * 3, **addresses}
        else:
            settings["INTERNAL_PUBLIC_KEY"] = self._keys.public
        if service == "notifications":
            settings["SMTP_URL"] = self._smtp
        return {f"{service.upper()}_{name}": value for name, value in settings.items()}


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
