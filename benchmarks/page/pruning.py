"""What pruning makes of a head: what is lost at each speed, and how much of the network is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.page.charts import Look, Panel, Spread, panels
from benchmarks.page.figure import Drawn


def pruning(measurements: Mapping[str, Any]) -> Iterator[Drawn]:
    """A row for each network that was tried, by its speed."""
    rows = {f"{row['8x128'][0]:.2f}x": row for row in measurements["rows"]}
    if not rows:
        return
    first = next(iter(rows.values()))
    lost = {name: Spread(*(100 * row[key] for key in ("drop", "low", "high"))) for name, row in rows.items()}
    left = {name: Spread(*[100 * row["products"]] * 3) for name, row in rows.items()}
    yield Drawn(
        "pareto",
        f"Pruned and int8: what is lost of {first['metric']} by speed",
        f"Speed: batches of 8 x 128 tokens, beside int8 of the whole network. In fp32: {measurements['fp32']}. "
        f"{first['samples']} samples, none of which was fitted to; whiskers are paired 95% intervals: one that crosses "
        "the line shows no change.",
        panels(
            [
                Panel("drop, points", lost, "{:+.1f}", reference=0.0),
                Panel("multiplications left, %", left, "{:.0f}"),
            ],
            Look("", mark="dot", columns=2),
        ),
    )
