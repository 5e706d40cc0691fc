"""The tables of README.md and of the page on accuracy, made from the results; rewritten in place."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy_table import EXPLANATION, accuracy, finetune, overview
from benchmarks.bulk_arithmetic import engines
from benchmarks.captions import circumstances, machine_line, title
from benchmarks.gpu import report as gpu
from benchmarks.markdown import markdown, replaced
from benchmarks.pruning_table import pruning, pruning_shapes
from benchmarks.results import Result, ResultsError, read_all
from benchmarks.serving_table import infinity, serving
from benchmarks.speed_table import latency, memory, real_text, roofline
from benchmarks.summary import percentiles, speed_up, typical

README = Path(__file__).parent / "README.md"
LIBRARY = "tokenizers, encode"
"""What `tokenise` compares with."""
MARKS = ("<!-- tables: made by `python -m benchmarks.table`, do not edit -->", "<!-- end of tables -->")
FRONT = Path(__file__).parents[1] / "docs/guides/accuracy.md"
FRONT_MARKS = ("<!-- accuracy: made by `python -m benchmarks.table`, do not edit -->", "<!-- end of accuracy -->")


def tables(results: Iterable[Result]) -> str:
    """Every result as Markdown, grouped by machine."""
    lines: list[str] = []
    machine = ""
    for result in results:
        if result.machine.name != machine:
            machine = result.machine.name
            lines += [f"### {machine}", "", machine_line(result.machine), ""]
        lines += [f"#### {title(result)}", "", circumstances(result), ""]
        lines += [*TABLES[result.benchmark](result.measurements), ""]
    return "\n".join(lines).rstrip()


def overhead(measurements: Mapping[str, Any]) -> Iterator[str]:
    """The stages of one request, the start of each command, and the slowest imports."""
    requests = measurements["request"]
    stages = list(requests[0]["calls"][0])
    rows = [[s, *(_milliseconds(call[s] for call in r["calls"]) for r in requests)] for s in stages]
    own = [stage for stage in stages if stage not in ("tokenise", "graph")]
    rows.append(["**overhead**", *(_milliseconds(sum(call[s] for s in own) for call in r["calls"]) for r in requests)])
    apart = [[call["request"] - call["graph"] - call["tokenise"] for call in r.get("apart", ())] for r in requests]
    if all(apart):
        rows.append(["overhead, no clock inside", *map(_milliseconds, apart)])
    yield from markdown(["stage (median ms)", *(f"{request['tokens']} tokens" for request in requests)], rows)
    yield ""
    starts = measurements["start"].items()
    yield from markdown(
        ["process", "fastest, s", "median, s", "CPU time, least, s"],
        ([name, *_starts([run["wall"] for run in runs], [run["cpu"] for run in runs])] for name, runs in starts),
    )
    yield ""
    slowest = (f"{name} {spent:.0f}" for name, spent in measurements["import"].items())
    yield f"Slowest modules of `import bert_runtime`, ms of their own: {', '.join(slowest)}."


def export_time(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The fastest run: its stages and their shares of the whole."""
    fastest = min(measurements, key=lambda run: float(run["seconds"]))
    whole, stages = fastest["seconds"], fastest["stages"]
    parts = {**stages, "start, imports and end": whole - sum(stages.values())}
    rows = [[name, f"{spent:.1f}", f"{spent / whole:.0%}"] for name, spent in parts.items()]
    rows.append(["**whole command**", f"{whole:.1f}", "100%"])
    yield from markdown(["stage", "s", "share"], rows)
    yield ""
    peak = max(run["peak_mib"] for run in measurements)
    yield f"Fastest of {len(measurements)} runs; {fastest['cpu_seconds']:.1f} s of CPU time, peak memory {peak} MiB."


def generation(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Writers by the length of the text: the mean cost of a token, and how many times that of the first writer."""
    means = {(m["writer"], m["new"]): [[sum(r) / len(r)] for r in m["rounds"]] for m in measurements}
    first = measurements[0]["writer"]
    rows = []
    for (writer, new), rounds in means.items():
        ratio = speed_up(means[first, new], rounds) if writer != first else None
        spread = f"{ratio.median:.1f}x ({ratio.low:.1f}-{ratio.high:.1f})" if ratio else ""
        rows.append([f"{writer}, {new} tokens", f"{typical(rounds):.2f}", spread])
    yield from markdown(["writer", "ms a token", f"times {first}"], rows)
    yield ""
    yield from _growth(max((m for m in measurements if m["writer"] == first), key=lambda m: int(m["new"])))


def session_options(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Options by what they cost and bring: loading, a call and its ratio to the first option's, memory."""
    first, rows = measurements[0], []
    for each in measurements:
        load, peak = statistics.median(each["load"]), statistics.median(each["mib"])
        ratio = speed_up(each["rounds"], first["rounds"])
        spread = "" if each is first else f", {ratio.median:.2f}x ({ratio.low:.2f}-{ratio.high:.2f})"
        rows.append([each["option"], f"{load:.0f}", f"{typical(each['rounds']):.2f}{spread}", f"{peak:.0f}"])
    yield from markdown(["session options", "load, ms", "a call, ms", "peak memory, MiB"], rows)


def tokenise(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Engines by texts: the median in microseconds, and how many times faster than the tokenizers library."""
    rows = []
    for engine in measurements[0]["rounds"]:
        row = [engine]
        for rounds in (m["rounds"] for m in measurements):
            ratio = speed_up(rounds[engine], rounds[LIBRARY])
            spread = "" if engine == LIBRARY else f", {ratio.median:.1f}x ({ratio.low:.1f}-{ratio.high:.1f})"
            row.append(f"{typical(rounds[engine]):.1f} us{spread}")
        rows.append(row)
    yield from markdown(["engine", *(f"{m['text']}, {m['pieces']} pieces" for m in measurements)], rows)


def _growth(measurement: Mapping[str, Any], width: int = 64) -> Iterator[str]:
    """What a token costs at the start and at the end of the longest text, the prompt's token left out."""
    tokens = [statistics.median(column) for column in zip(*measurement["rounds"], strict=True)]
    early, late = statistics.median(tokens[1 : width + 1]), statistics.median(tokens[-width:])
    first, last = measurement["prompt"] + width // 2, measurement["prompt"] + len(tokens) - width // 2
    costs = f"A token after about {first} others: {early:.2f} ms; after about {last}: {late:.2f} ms."
    yield f"{costs} The page draws it."


def cross_attention(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Ways to cross keys and values by source and rows: the cost of a token, and how many times that of the first."""
    times = {(f"{m['source']} tokens, {m['rows']} rows", m["way"]): m["rounds"] for m in measurements}
    cases, ways = (list(dict.fromkeys(names)) for names in zip(*times, strict=True))
    rows = []
    for way in ways:
        row = [way]
        for case in cases:
            cost = typical(times[case, way])
            ratio = speed_up(times[case, ways[0]], times[case, way]).median
            row.append(f"{cost:.1f} ms" + (f", {ratio:.2f}x" if way != ways[0] else ""))
        rows.append(row)
    yield from markdown(["a token after a source of", *cases], rows)


def int8_answers(measurements: Sequence[dict[str, Any]]) -> Iterator[str]:
    """How often each variant gives fp32's answer, and the size of its graph beside fp32's."""
    whole = measurements[0]["bytes"]
    rows = [
        [m["variant"], f"{m['agreement']:.4f}", f"{m['bytes'] / 1e6:.1f} MB, {m['bytes'] / whole:.2f}x"]
        for m in measurements
    ]
    yield from markdown(["variant", "same answers as fp32", "graph"], rows)


def int8_sensitivity(measurements: Sequence[dict[str, Any]], shown: int = 12) -> Iterator[str]:
    """The activations that integers hurt most, each alone in int8."""
    rows = [[m["site"].removeprefix("bert."), f"{m['error']:.4f}"] for m in measurements[:shown]]
    yield from markdown([f"activation (the worst {shown} of {len(measurements)})", "error of the logits"], rows)


def int8_divergence(measurements: Sequence[dict[str, Any]], shown: int = 12) -> Iterator[str]:
    """The activations whose integers move the outputs furthest from fp32's, each alone in int8."""
    rows = [[m["site"].removeprefix("bert."), f"{m['divergence']:.2e}"] for m in measurements[:shown]]
    yield from markdown([f"activation (the worst {shown} of {len(measurements)})", "divergence of the outputs"], rows)


def int8_search(measurements: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What each version of the search made of a head."""
    rows = []
    for m in measurements:
        told, spent = [m["variant"], m["code"], f"{m['max_drop']:g}"], f"{m['cpu_seconds']:.0f}"
        if "refused" in m:
            rows.append([*told, "refused", "", "", "", "", spent])
            continue
        kept = f"{len(m['kept'])}, {len(m['trials'])}"
        alike = _same_answers(m["alike"]["agreement"]) if m.get("alike") else ""
        speed = f"{m['speed']:.2f}x"
        rows.append([*told, kept, f"{m['size'] / 1e6:.1f}", speed, _same_answers(m["agreement"]), alike, spent])
    head = ["variant", "version", "constraint", "parts kept, trials", "MB", "speed", "same answers, test texts"]
    yield from markdown([*head, "same answers, texts like those that judged", "CPU seconds"], rows)


def _same_answers(agreement: Sequence[Any]) -> str:
    """A share with its 95% interval, in percent."""
    value, low, high = (100 * each for each in agreement[1:])
    return f"{value:.1f}% ({low:.1f} to {high:.1f})"


def int8_speed(measurements: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Milliseconds of one call, and how many times as fast as the first variant."""
    times = {(f"b{m['batch']} s{m['sequence']}", m["variant"]): m["rounds"] for m in measurements}
    cases, variants = (list(dict.fromkeys(names)) for names in zip(*times, strict=True))
    rows = []
    for variant in variants:
        row = [variant]
        for case in cases:
            ratio = speed_up(times[case, variant], times[case, variants[0]]).median
            row.append(f"{typical(times[case, variant]):.1f} ms, {ratio:.2f}x")
        rows.append(row)
    yield from markdown(["variant", *cases], rows)


def cpp_session(measurements: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The C++ runtime beside Python's: medians of the rounds, in milliseconds."""
    runtimes = list(measurements[0]["rounds"])
    rows = []
    for each in measurements:
        scale = 1000 if each["measure"].startswith("latency") else 1  # a latency is kept in microseconds
        medians = [statistics.median(each["rounds"][runtime]) / scale for runtime in runtimes]
        name = ", ".join(each[key] for key in ("measure", "request") if key in each)
        rows.append([name, *(f"{median:.1f} ms" for median in medians)])
    yield from markdown(["measured", *runtimes], rows)


def bulk(measurements: Mapping[str, Any]) -> Iterator[str]:
    """Ways by the time that they took, and how many times as fast as the first one each is."""
    ways = {name: [[spent] for spent in rounds] for name, rounds in measurements["ways"].items()}
    first = next(iter(ways))
    rows = []
    for name, rounds in sorted(ways.items(), key=lambda item: typical(item[1])):
        spent, ratio = typical(rounds), speed_up(ways[first], rounds).median
        rows.append([name, f"{spent:.2f} s", f"{measurements['tokens'] / spent:,.0f}", f"{ratio:.2f}x"])
    yield from markdown(["way", "time", "tokens a second", f"times {first}"], rows)
    yield ""
    told = f"{measurements['texts']:,} texts of {measurements['tokens']:,} tokens"
    padding = measurements["padding"]  # one number where all engines had the same batches
    shares = padding.items() if isinstance(padding, Mapping) else [("", padding)]
    parts = ", ".join(f"{share:.1%}{target and f' on {target}'}" for target, share in shares)
    yield f"{told}; of the tokens in our own batches, {parts} are padding."


def new_lengths(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Ways by what a request took of a length that may be new, and the memory after the last."""
    rows = []
    for each in measurements:
        times = [time for calls in each["rounds"] for time in calls]
        told = [f"{time:.1f}" for time in (statistics.mean(times), *percentiles(each["rounds"]))]
        rows.append([each["way"], *told, f"{statistics.median(each['mib']):.0f}"])
    yield from markdown(["way", "mean, ms", "p50", "p90", "p99", "MiB at the end"], rows)


TABLES: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "latency": latency,
    "cpu_time": latency,
    "overhead": overhead,
    "export_time": export_time,
    "generation": generation,
    "session_options": session_options,
    "tokenise": tokenise,
    "accuracy": accuracy,
    "cross_attention": cross_attention,
    "finetune": finetune,
    "cpp_session": cpp_session,
    "bulk": bulk,
    "bulk_engines": engines,
    "new_lengths": new_lengths,
    "serving": serving,
    "serving-infinity": infinity,
    "gpu": gpu.table,
    "gpu_rehearsal": gpu.table,
    "real_text": real_text,
    "memory": memory,
    "roofline": roofline,
    "int8_answers": int8_answers,
    "int8_sensitivity": int8_sensitivity,
    "int8_divergence": int8_divergence,
    "int8_search": int8_search,
    "pruning": pruning,
    "pruning_shapes": pruning_shapes,
    "int8_speed_1": int8_speed,
    "int8_speed_2": int8_speed,
}


def _milliseconds(times: Iterable[float]) -> str:
    return f"{statistics.median(times):.3f}"


def _starts(wall: Sequence[float], cpu: Sequence[float]) -> list[str]:
    return [f"{seconds:.2f}" for seconds in (min(wall), statistics.median(wall), min(cpu))]


def front(results: Sequence[Result]) -> str:
    """The table of the page on accuracy."""
    return "\n".join([*overview(results), "", *EXPLANATION])


def main() -> None:
    """Rewrite the tables; the page on accuracy has one only where accuracy was measured."""
    try:
        results = list(read_all())
    except ResultsError as error:
        raise SystemExit(str(error)) from error
    README.write_text(replaced(README.read_text(encoding="utf-8"), tables(results), MARKS), encoding="utf-8")
    page = FRONT.read_text(encoding="utf-8")
    if FRONT_MARKS[0] in page:
        FRONT.write_text(replaced(page, front(results), FRONT_MARKS), encoding="utf-8")


if __name__ == "__main__":
    main()
