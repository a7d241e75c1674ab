"""nginx with one worker on loopback, in front of an upstream: the peer of the gateway's proxy."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from benchmarks.processes import Process, started
from tests.support.comeback import free_port

_PLACES = ("nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx")
_CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {path}/nginx.pid;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;
  uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
  keepalive_requests 1000000;
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


def program() -> str | None:
    """Where nginx is, or None."""
    return next((found for place in _PLACES if (found := shutil.which(place))), None)


@contextlib.asynccontextmanager
async def nginx(path: Path, upstream: int) -> AsyncIterator[Process]:
    """Its worker's CPU counts. Needs ``program()``."""
    port = free_port()
    (path / "nginx.conf").write_text(_CONFIGURATION.format(path=path, upstream=upstream, port=port))
    command = [str(program()), "-p", str(path), "-c", str(path / "nginx.conf"), "-e", "stderr"]
    async with started(path, "nginx", command, port, ready="/") as process:
        process.counted = psutil.Process(process.process.pid).children()
        yield process
