"""``python -m benchmarks [names…] [--quick]``: print a table, keep the figures in ``benchmarks/results.json``."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks import native, report
from benchmarks.report import Result
from tests.support import scratch

Measure = Callable[[bool], Sequence[Result]]
GROUPS = {
    "order_flow": "order events to points: over Kafka, without Kafka, with a realistic program, in two processes",
    "proxy": "the gateway's CPU a request beside nginx's",
    "events": "POST /v1/events in batches of 100",
    "latency": "from the POST of an order until its points are read, on the table log and over Kafka",
    "members": "reading a member beside a bare FastAPI endpoint; hold and confirm beside a bare transaction",
    "scale": "ten times the members: every operation; the expiry of a million lots",
    "recommending": "the recommendation engine: orders taken, reads while orders stream in, memory",
    "start": "from an empty folder to the first points; memory after the demo",
}


def main() -> int:
    """Exit code 1 when a group could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        epilog="\n".join(f"{name:12} {what}" for name, what in GROUPS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="groups to run (default: all)")
    parser.add_argument("--quick", action="store_true", help="shorter runs that keep nothing")
    parser.add_argument("--interpreted", action="store_true", help="without compiled modules, and keeping nothing")
    given = parser.parse_args()
    if unknown := set(given.names) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if not given.interpreted:
        native.use(["-m", "benchmarks", *sys.argv[1:]])
    scratch.stay_on_disk()
    print(f"modules of the hot path: {'compiled' if native.in_use() else 'interpreted'}", file=sys.stderr)
    results: list[Result] = []
    failed = False
    for name in given.names or GROUPS:
        measured = _run(name, quick=given.quick)
        failed |= measured is None
        results += measured or ()
    print(report.table(results))
    if native.in_use() and not given.quick:
        report.merge(results)
    return int(failed)


def _run(name: str, *, quick: bool) -> Sequence[Result] | None:
    load = os.getloadavg()[0]
    print(f"{name}: {GROUPS[name]} (load average before: {load:.1f} of {os.cpu_count()} cores)", file=sys.stderr)
    started = time.monotonic()
    measure: Measure = importlib.import_module(f"benchmarks.{name}").measure
    try:
        results = measure(quick)
    except Exception as error:  # noqa: BLE001  # one group that fails must not take the figures of the others
        print(f"{name} could not be measured: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return results


if __name__ == "__main__":
    sys.exit(main())
