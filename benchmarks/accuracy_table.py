"""The results of `benchmarks.accuracy` as Markdown: a table for each head, and one of all heads for the front page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import markdown
from benchmarks.results import Result
from bert_calibration.quality import Difference, Quality

Row = Mapping[str, Any]


def accuracy(measurements: Mapping[str, Any]) -> Iterator[str]:
    """Variants by metrics, in percent, with intervals; what `bert-export` refused below."""
    rows = measurements["rows"]
    made = [row for row in rows if "metrics" in row]
    samples, about = made[0]["metrics"][0]["samples"], measurements["about"]
    yield f"{about[0].upper()}{about[1:]}; {samples} samples. Metrics in percent with their 95% intervals."
    yield ""
    names = [metric["metric"] for metric in made[0]["metrics"]]
    header = ["variant", *(cell for name in names for cell in (name, "change")), "same answer", "MB"]
    yield from markdown(header, (_cells(row) for row in made))
    refused = [row for row in rows if "refused" in row]
    if refused:
        yield ""
    yield from (f"* {row['variant']}: {row['refused']}" for row in refused)


def finetune(measurements: Mapping[str, Any]) -> Iterator[str]:
    """The four accuracies, and how much of the loss came back."""
    found = {name: Quality(**each) for name, each in measurements["accuracy"].items()}
    samples = next(iter(found.values())).samples
    yield (
        f"A few channels of every value projection multiplied by {measurements['factor']:g}, which changes no fp32 "
        f"answer; fine-tuned on {measurements['texts']} sentences; {samples} held out."
    )
    yield ""
    rows = [[name, f"{100 * q.value:.1f} ({100 * q.low:.1f} to {100 * q.high:.1f})"] for name, q in found.items()]
    yield from markdown(["variant", "accuracy"], rows)
    if measurements["recovered"] is not None:
        yield ""
        yield f"Fine-tuning brought back {measurements['recovered']:.0%} of what int8 had lost."


def overview(results: Iterable[Result]) -> Iterator[str]:
    """Heads by variants: the head's own metric, how often the answer is torch's, and the size of the bundle."""
    tables = [(result.subject, result.measurements["rows"]) for result in results if result.benchmark == "accuracy"]
    variants = list(dict.fromkeys(row["variant"] for _, rows in tables for row in rows if "metrics" in row))
    lines = []
    for subject, rows in tables:
        made = {row["variant"]: row for row in rows if "metrics" in row}
        metric = next(iter(made.values()))["metrics"][0]
        head = f"{subject}: {metric['metric']}, {metric['samples']} samples"
        lines.append([head, *(_summary(made[name]) if name in made else "" for name in variants)])
    yield from markdown(["head", *variants], lines)


def _cells(row: Row) -> list[str]:
    changes = [Difference(**each) for each in row["differences"]]
    qualities = [Quality(**each) for each in row["metrics"]]
    own = "size" in row
    cells = [row["variant"]]
    for quality, change in zip(qualities, changes, strict=True):
        interval = f"{100 * quality.value:.1f} ({100 * quality.low:.1f} to {100 * quality.high:.1f})"
        cells += [interval, _change(change) if own else ""]
    agreement = Quality(**row["agreement"])
    return [*cells, f"{100 * agreement.value:.1f}%" if own else "", f"{row['size'] / 1e6:.1f}" if own else ""]


def _change(change: Difference) -> str:
    """Points, with the paired interval; in words where it includes zero."""
    points = f"{100 * change.value:+.2f}"
    interval = f"{100 * change.low:+.2f} to {100 * change.high:+.2f}"
    return f"{points} ({interval})" if change.is_shown else f"none shown ({points}; {interval})"


def _summary(row: Row) -> str:
    metric = row["metrics"][0]
    value = f"{100 * metric['value']:.1f}"
    if "size" not in row:
        return f"{value} ({100 * metric['low']:.1f} to {100 * metric['high']:.1f})"
    mark = "" if Difference(**row["differences"][0]).is_shown else " ="
    return f"{value}{mark}, {100 * row['agreement']['value']:.1f}%, {row['size'] / 1e6:.0f} MB"


EXPLANATION: Sequence[str] = (
    "The head's own metric in percent, torch's with its 95% bootstrap interval; how often the decoded answer is the "
    "one of torch; and the size of the bundle. `=` marks a metric whose difference from torch these samples do not "
    "show (95% paired bootstrap interval).",
)
