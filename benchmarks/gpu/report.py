"""The result in words: for a terminal and the READMEs as Markdown, and on the page."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu.expected import GPU, MODEL, verdicts
from benchmarks.markdown import markdown
from benchmarks.results import FOLDER
from benchmarks.summary import speed_up, typical
from benchmarks.workload import Case

Runs = Mapping[tuple[str, Case, float], Mapping[str, Any]]


def table(measurements: Mapping[str, Any]) -> Iterator[str]:
    """A table for each size: engines by the share of text; the ceilings above, what was skipped below."""
    yield f"On {measurements['device']}. {_ceilings(measurements['ceilings'])}"
    runs = {(run["peer"], Case(run["batch"], run["sequence"]), run["fill"]): run for run in measurements["runs"]}
    baseline = measurements["runs"][0]["baseline"] if runs else ""
    if runs:
        yield ""
        yield f"Milliseconds of a call, rows a second, times as fast as {baseline}, and times as long as the floor."
    for case in dict.fromkeys(case for _, case, _ in runs):
        own = {key: run for key, run in runs.items() if key[1] == case}
        fills = sorted({fill for _, _, fill in own})
        yield ""
        rows = [[peer, *(_cell(own, (peer, case, fill), baseline) for fill in fills)] for peer in _peers(own)]
        yield from markdown([case.name, *map(_filled, fills)], rows)
    yield from _extras(measurements.get("extras", {}))
    if GPU in measurements["device"] and measurements.get("model", "").endswith(MODEL):
        yield ""
        yield f"Milliseconds against what was expected of one {GPU} before the first run."
        yield ""
        yield from markdown(["size", "engine", "expected", "measured", "verdict"], list(verdicts(measurements["runs"])))
    reasons: dict[str, list[str]] = defaultdict(list)
    for each in measurements["skipped"]:
        reasons[each["why"]].append(each["name"])
    if reasons:
        yield ""
    yield from (f"* skipped: {'; '.join(names)}: {why}" for why, names in reasons.items())
    yield ""
    yield f"{', '.join(f'{name} {spent:.0f} s' for name, spent in measurements['stages'].items())}."


def report(path: Path) -> str:
    """A result that was kept, as its table."""
    return "\n".join(table(json.loads(path.read_text(encoding="utf-8"))["measurements"]))


def write_page(results: Path) -> None:
    """The page of a folder of results: for those that the repository keeps where it always is, else among them."""
    try:
        from benchmarks.page.__main__ import main as page  # noqa: PLC0415 - matplotlib may be missing
    except ModuleNotFoundError as error:
        told = "run `pip install 'matplotlib>=3.10' markdown-it-py`, then `python -m benchmarks.page`"
        print(f"skipped: the page: {error}; {told}", file=sys.stderr)
        return
    where = [] if results.resolve() == FOLDER.resolve() else ["--output", str(results / "index.html")]
    page(["--results", str(results), *where])


def _extras(extras: Mapping[str, Any]) -> Iterator[str]:
    """Texts to answers, callers beside each other, and the kernels that ran."""
    strings = extras.get("strings", [])
    if strings:
        yield ""
        rows = [[Case(e["batch"], e["sequence"]).name, e["peer"], f"{e['ms']:.3g}"] for e in strings]
        yield from markdown(["size", "from texts", "ms"], rows)
    threads = extras.get("threads", [])
    if threads:
        yield ""
        rows = [[e["name"], f"{e['ms']:.3g}", "the same" if e["same"] else "OTHERS"] for e in threads]
        yield from markdown(["beside others", "ms", "answers"], rows)
    for name, kernels in extras.get("kernels", {}).items():
        if kernels:
            yield f"* attention of {name}: {', '.join(kernels)}"


def _peers(runs: Runs) -> list[str]:
    return list(dict.fromkeys(peer for peer, _, _ in runs))


def _filled(fill: float) -> str:
    return f"{fill:.0%} text"


def _cell(runs: Runs, key: tuple[str, Case, float], baseline: str) -> str:
    run = runs.get(key)
    if run is None:
        return ""
    _, case, fill = key
    spent = typical(run["rounds"])
    parts = [f"{spent:.3g} ms", f"{case.batch / spent * 1e3:,.0f}/s"]
    if run.get("first", 0) > 10 * spent:
        parts.append(f"first call {run['first']:.3g} ms")
    other = runs.get((baseline, case, fill))
    if other is not None and other is not run:
        parts.append(f"{speed_up(run['rounds'], other['rounds']).median:.2f}x")
    if run["floor"]:
        parts.append(f"{spent / run['floor']:.1f} floors")
    return ", ".join(parts)


def _ceilings(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "Its ceilings were not measured."
    return (
        f"Ceilings: {found['flops'] / 1e12:.3g} TFLOP/s in {found['precision']} products, "
        f"{found['bandwidth'] / 1e9:,.0f} GB/s in copies."
    )
