"""The result as data, and as a page that needs nothing but a browser."""

from html import escape
from typing import Any

from recommendations.backtest.metrics import TOP, mean, paired
from recommendations.backtest.replay import METHODS, OURS, Replay

_COLORS = {METHODS[0]: "#1f6f5c", METHODS[1]: "#b9a88a", METHODS[2]: "#6a7f9c"}
_METRICS = (("recall", "Recall"), ("ndcg", "NDCG"), ("hit_rate", "Hit rate"), ("coverage", "Coverage"))


def as_data(result: Replay, days: float) -> dict[str, Any]:
    """JSON: per placement and method the metrics at 10, and how much ours are ahead of each other method."""
    return {
        "days": days,
        "top": TOP,
        "train_orders": result.train_orders,
        "test_orders": result.test_orders,
        "products": result.products,
        "placements": [_placement(result, name) for name in sorted(result.scores)],
    }


def _placement(result: Replay, name: str) -> dict[str, Any]:
    scores = result.scores[name]
    methods = {
        method: {
            "recall": mean(one.recalls),
            "ndcg": mean(one.ndcgs),
            "hit_rate": mean(one.hits),
            "coverage": len(one.offered) / max(result.products, 1),
        }
        for method, one in scores.items()
    }
    ahead = {}
    for method in METHODS[1:]:
        change, half = paired(scores[OURS].recalls, scores[method].recalls)
        ahead[method] = {"recall": change, "interval": [change - half, change + half]}
    return {"placement": name, "questions": len(scores[OURS].recalls), "methods": methods, "ahead_of": ahead}


def as_page(data: dict[str, Any], title: str) -> str:
    """One HTML page with a chart per placement."""
    parts = "".join(_section(one, data["top"]) for one in data["placements"])
    empty = "" if data["placements"] else "<p>There were no orders to ask for in these days.</p>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>
:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}}
body{{color:CanvasText;background:Canvas}}
h1{{font-size:1.5rem}}h2{{font-size:1.15rem;margin-top:2.5rem}}p{{max-width:44rem}}
table{{border-collapse:collapse;margin:.5rem 0}}
th,td{{padding:.25rem .9rem .25rem 0;text-align:right;white-space:nowrap}}
th:first-child,td:first-child{{text-align:left}}thead th{{border-bottom:1px solid #bbb}}svg{{width:100%;height:auto}}
.wide{{overflow-x:auto}}.wide>*{{min-width:30rem}}text{{fill:currentColor}}
.key{{display:inline-block;width:.8em;height:.8em;margin-right:.4em}}
</style></head><body><main><h1>{escape(title)}</h1>
<p>{data["test_orders"]} orders of the last {data["days"]:g} days were asked for, each just before it was put in, after
{data["train_orders"]} orders before them. A list of {data["top"]} is right as far as it holds what was then bought.</p>
{empty}{parts}</main></body></html>
"""


def _section(one: dict[str, Any], top: int) -> str:
    rows = "".join(
        f'<tr><td><span class="key" style="background:{_COLORS[method]}"></span>{escape(method)}</td>'
        + "".join(f"<td>{values[key]:.3f}</td>" for key, _ in _METRICS)
        + "</tr>"
        for method, values in _methods(one)
    )
    heads = "".join(f"<th>{label}@{top}</th>" for _, label in _METRICS)
    ahead = "".join(
        f"<li>{change['recall']:+.3f} recall against {escape(method)}"
        f" (95&nbsp;%: {change['interval'][0]:+.3f} to {change['interval'][1]:+.3f})</li>"
        for method, change in one["ahead_of"].items()
    )
    return f"""<section><h2>{escape(one["placement"])} <small>({one["questions"]} questions)</small></h2>
<div class="wide" tabindex="0" role="group" aria-label="Chart and figures">{_chart(one)}
<table><thead><tr><th>Method</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div><ul>{ahead}</ul></section>
"""


def _methods(one: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """The methods with their metrics, ours first: a stored result has lost its sequence (JSONB sorts its keys)."""
    return [(method, one["methods"][method]) for method in METHODS if method in one["methods"]]


def _chart(one: dict[str, Any]) -> str:
    """Bars of recall and hit rate; the table beside it says the same in numbers."""
    bars, y = [], 0
    for key, label in (("recall", "Recall"), ("hit_rate", "Hit rate")):
        bars.append(f'<text x="0" y="{y + 14}" font-size="13">{label}</text>')
        for method, values in _methods(one):
            width = 420 * values[key]
            bars.append(f'<rect x="90" y="{y}" width="{width:.1f}" height="16" fill="{_COLORS[method]}"/>')
            bars.append(f'<text x="{96 + width:.1f}" y="{y + 13}" font-size="12">{values[key]:.3f}</text>')
            y += 20
        y += 10
    return f'<svg viewBox="0 0 600 {y}" role="img" aria-label="Recall and hit rate by method">{"".join(bars)}</svg>'
