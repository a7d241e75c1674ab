"""``python -m allinone`` on an empty folder: seconds to the first points; its memory after the demo."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import httpx
import psutil

from benchmarks.loyalty_setup import present
from benchmarks.report import Result
from tests.support.comeback import SHOP_KEY, ComebackProcess, new_comeback

_LIMIT_SECONDS = 20.0
_LIMIT_MB = 600.0


def measure(quick: bool) -> Sequence[Result]:
    """One start, one demo (its full size: 2,500 customers, about 32,000 events)."""
    customers = 100 if quick else 2500
    with new_comeback() as comeback:
        started = time.perf_counter()
        pid = comeback.spawn().pid
        comeback.wait_until_up()
        up = time.perf_counter() - started
        _first_points(comeback)
        seconds = time.perf_counter() - started
        before = _resident(pid)
        posted = time.perf_counter()
        _demo(comeback, customers)
        posted = time.perf_counter() - posted
        after, server = _resident(pid), _server_memory(comeback)
    return [
        Result(
            "start_to_first_points",
            seconds,
            "s",
            seconds / _LIMIT_SECONDS,
            f"limit of {_LIMIT_SECONDS:g} s",
            most=1,
            note=f"up after {up:.1f} s",
        ),
        Result(
            "rss_after_demo",
            after,
            "MB",
            after / _LIMIT_MB,
            f"limit of {_LIMIT_MB:g} MB",
            most=1,
            note=f"{before:.0f} MB before; its PostgreSQL {server:.0f} MB beside it; demo in {posted:.0f} s",
        ),
    ]


def _first_points(comeback: ComebackProcess) -> None:
    at = present().strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"line_id": "1", "title": "Beans", "quantity": 1, "unit_price": 2500, "total": 2500}
    order = {
        "order_id": "first",
        "placed_at": at,
        "currency": "EUR",
        "payment_state": "paid",
        "customer": {"customer_id": "ann"},
        "lines": [line],
        "total": 2500,
    }
    event = {"id": "first", "type": "order.paid", "occurred_at": at, "data": {"order": order}}
    with httpx.Client(base_url=comeback.base_url, headers={"authorization": f"Bearer {SHOP_KEY}"}) as client:
        client.post("/v1/events", json=event).raise_for_status()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = client.get("/v1/loyalty/members/ann")
            if answer.status_code == httpx.codes.OK and answer.json()["balance"] == 25:
                return
            time.sleep(0.02)
    raise RuntimeError("the first order's points did not come")


def _demo(comeback: ComebackProcess, customers: int) -> None:
    command = [sys.executable, "-m", "allinone.demo", "--customers", str(customers)]
    environment = {
        **os.environ,
        **comeback.environment,
        "COMEBACK_PORT": str(comeback.port),
        "COMEBACK_DATA_DIR": str(comeback.data_dir),
    }
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        raise RuntimeError(f"the demo failed: {done.stderr[-2000:]}")


def _resident(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _server_memory(comeback: ComebackProcess) -> float:
    """What the embedded PostgreSQL holds, shared pages counted once (PSS; where the system has it)."""
    pid = comeback.postgres.pid()
    if pid is None:
        return 0.0
    parent = psutil.Process(pid)
    used = [one.memory_full_info() for one in (parent, *parent.children())]
    return float(sum(getattr(one, "pss", one.uss) for one in used)) / 1e6
