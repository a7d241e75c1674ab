"""`python -m benchmarks.recommendations [--window test|valid|fit] [--only speed|quality|freshness]`.

Prints tables in Markdown and keeps the figures in `results/`.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.recommendations import freshness, journey, speed, tasks
from benchmarks.recommendations.judging import table
from benchmarks.recommendations.ours import METHOD, Engine
from benchmarks.recommendations.peers import Shelf
from recommendations.engine import Purchase

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Run everything, or one part of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommendations")
    parser.add_argument(
        "--window", choices=list(journey.WINDOWS), default="test", help="settings are chosen on `valid`"
    )
    parser.add_argument("--only", choices=["speed", "quality", "freshness"])
    given = parser.parse_args()
    if given.only in (None, "freshness"):
        _freshness()
    if given.only == "freshness":
        return
    everything = journey.orders()
    if given.only in (None, "speed"):
        _speed(everything, given.window)
    if given.only in (None, "quality"):
        _quality(everything, given.window)


def _freshness() -> None:
    waits = freshness.measure()
    for log, (p50, p99) in waits.items():
        print(f"order to answer, {log}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    _keep("freshness", {log: {"p50_ms": p50, "p99_ms": p99} for log, (p50, p99) in waits.items()})


def _speed(everything: list[Purchase], window: str) -> None:
    fast = speed.in_a_process_of_its_own(everything, journey.WINDOWS[window].timestamp())
    head = "| read while orders stream in, ms | p50 | p95 | p99 | CPU p50 | CPU p99 |\n|---|---|---|---|---|---|\n"
    rows = [
        f"| {name} | {wall[0]:.2f} | {wall[1]:.2f} | {wall[2]:.2f} | {cpu[0]:.2f} | {cpu[2]:.2f} |"
        for (name, wall), cpu in zip(fast.read_ms.items(), fast.read_cpu_ms.values(), strict=True)
    ]
    print(
        f"Replay {fast.orders_per_second:,.0f} orders/s of CPU; state {fast.rss_mb:.0f} MB (RSS), estimated"
        f" {fast.estimated_mb:.0f} MB\n\n{head}" + "\n".join(rows)
    )
    _keep("speed", {"window": window, **asdict(fast)})


def _quality(everything: list[Purchase], name: str) -> None:
    window = journey.window(everything, name)
    engine, shelf = Engine(window, journey.products()), Shelf(window)
    print(
        f"\n{len(window.train)} training baskets, {len(window.catalogue)} products, {len(window.completions)} baskets"
        f" to complete, {len(window.next_baskets)} next baskets (window `{name}`)\n"
    )
    plain, known = tasks.completion(window, engine, shelf)
    new = tasks.discovery(window, engine)
    following = tasks.next_basket(window, engine, shelf)
    for title, figures in (
        ("Basket completion without customer", plain),
        ("Basket completion with customer", known),
        ("Next basket", following),
    ):
        print(f"### {title}\n\n{table(figures, METHOD)}\n")
    print(f"New products (own ones left out): R@10 {new.recall:.4f} of {len(new.recalls)} baskets\n")
    kept = [
        {field: value for field, value in asdict(one).items() if field not in ("recalls", "hits")}
        | {"questions": len(one.recalls)}
        for one in (*plain, *known, new, *following)
    ]
    _keep(name, {"window": name, "figures": kept})


def _keep(name: str, data: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
