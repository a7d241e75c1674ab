"""Request ids, traces, JSON logs and Prometheus metrics: what connects a log line to a request and an event."""

import contextvars
import json
import logging
import re
import secrets
import sys
import time
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest
from starlette.responses import Response

request_id_var: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
traceparent_var: contextvars.ContextVar[str | None] = contextvars.ContextVar("traceparent", default=None)

REQUESTS = Counter("comeback_http_requests_total", "HTTP requests answered", ["service", "method", "route", "status"])
LATENCY = Histogram(
    "comeback_http_request_seconds",
    "Seconds from a request's first byte to its answer's first byte",
    ["service", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}\Z")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


def request_id_from(given: str | None) -> str:
    """The caller's request id where it is one (1–128 of ``A–Z a–z 0–9 . _ -``), else a new one."""
    return given if given is not None and _REQUEST_ID.match(given) else secrets.token_hex(12)


def traceparent_from(given: str | None) -> str:
    """The caller's W3C traceparent where it is valid, else a new one."""
    if given is not None and _TRACEPARENT.match(given):
        return given
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


class Meter:
    """The HTTP metrics of one service with their children kept: finding one by labels costs more than counting."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        pair = self._children.get((method, route, status))
        if pair is None:
            if len(self._children) > 1000:  # methods are the caller's text
                self._children.clear()
            pair = self._children[method, route, status] = (
                REQUESTS.labels(self._service, method, route, status),
                LATENCY.labels(self._service, route),
            )
        pair[0].inc()
        pair[1].observe(seconds)


def metrics_response() -> Response:
    """All metrics of this process in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the ids of the request or event that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id, traceparent = request_id_var.get(), traceparent_var.get()
        if request_id:
            line["request_id"] = request_id
        if traceparent:
            line["trace_id"] = traceparent.split("-")[1]
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logging(level: str = "info") -> None:
    """JSON lines on standard error for the whole process; third parties only from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiokafka", "alembic", "asyncio", "sqlalchemy", "uvicorn.access", "aiohttp", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.ERROR if noisy == "aiokafka" else logging.WARNING)
