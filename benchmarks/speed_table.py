"""The tables of the race: one call, real texts, whole processes, and what the engines reach of the machine's peak."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import markdown
from benchmarks.peers import PEERS
from benchmarks.peers.text import TEXT_PEERS
from benchmarks.summary import percentiles, shares, speed_up, typical
from benchmarks.workload import Case


def latency(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Peers by cases: the percentiles of a call in ms, and the speed-up over the baseline with its quartiles."""
    times = {(Case(m["batch"], m["sequence"]), m["peer"]): m["rounds"] for m in measurements}
    names = {case: case.name for case, _ in times}
    peers = {name: peer.name for name, peer in PEERS.items()}
    yield from _raced(times, names, measurements[0]["baseline"], peers)
    yield from _elsewhere(measurements, peers)


def real_text(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same from strings to answers, with the share of answers that are those of fp32."""
    times = {(m["batch"], m["peer"]): m["rounds"] for m in measurements}
    names = {batch: f"{batch} at once, each" if batch > 1 else "one by one" for batch, _ in times}
    peers = {name: peer.name for name, peer in TEXT_PEERS.items()}
    yield from _raced(times, names, measurements[0]["baseline"], peers)
    yield ""
    shares = {m["peer"]: m["agreement"] for m in measurements}
    told = ", ".join(f"{peers.get(peer, peer)} {share:.1%}" for peer, share in shares.items())
    tokens = " and ".join(dict.fromkeys(str(m["sequence"]) for m in measurements))
    yield f"A request has {tokens} tokens in the mean. Answers as bert-export's in fp32: {told}."
    yield from _elsewhere(measurements, peers)


def _elsewhere(measurements: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[str]:
    """The versions of peers that ran in environments of their own."""
    ran = {m["peer"]: m["versions"] for m in measurements if "versions" in m}
    if ran:
        yield ""
    for peer, versions in ran.items():
        yield f"* {names.get(peer, peer)}: {', '.join(f'{name} {version}' for name, version in versions.items())}"


def _raced(
    times: Mapping[Any, Any], cases: Mapping[Any, str], baseline: str, names: Mapping[str, str]
) -> Iterator[str]:
    """A row for each peer and a column for each case, of (case, peer) -> rounds."""
    rows = []
    for peer in dict.fromkeys(peer for _, peer in times):
        row = [names.get(peer, peer)]
        for case in cases:
            ratio = speed_up(times[case, peer], times[case, baseline])
            spread = "" if peer == baseline else f", {ratio.median:.2f}x ({ratio.low:.2f}-{ratio.high:.2f})"
            row.append(f"{' / '.join(f'{time:.1f}' for time in percentiles(times[case, peer]))} ms{spread}")
        rows.append(row)
    yield from markdown(["engine: p50 / p90 / p99", *cases.values()], rows)


def memory(measurements: Mapping[str, Any]) -> Iterator[str]:
    """Processes to their first answer, beside the first of them; and what bulk work adds."""
    starts = measurements["start"]
    seconds = {name: [[run["seconds"]] for run in runs] for name, runs in starts.items()}
    peaks = {name: statistics.median(run["peak_mib"] for run in runs) for name, runs in starts.items()}
    first = next(iter(starts))
    rows = []
    for name, runs in seconds.items():
        beside = ["", ""]
        if name != first:
            beside = [f"{speed_up(seconds[first], runs).median:.1f}x", f"{peaks[name] / peaks[first]:.1f}x"]
        rows.append([name, f"{typical(runs):.2f} s", beside[0], f"{peaks[name]:.0f} MiB", beside[1]])
    yield from markdown(["process", "first answer", f"times {first}", "peak memory", f"times {first}"], rows)
    if "bulk" not in measurements:
        return
    yield from ("", f"In bulk, {measurements['bulk']['bundle']}:", "")
    for mode, samples in measurements["bulk"]["samples"].items():
        done, late = samples[-1]
        before = (f"{early:.0f} MiB after {begun:,} requests ({late / early - 1:+.1%})" for begun, early in samples[:2])
        yield f"* {mode} mode: {late:.0f} MiB after {done:,} requests, beside {' and '.join(before)}"


def roofline(measurements: Mapping[str, Any]) -> Iterator[str]:
    """What each engine reaches of the fastest chain of products in its precision."""
    peaks = measurements["peaks"]
    engines = list(dict.fromkeys(engine for found in peaks.values() for engine in found))
    chains = [[name, *(f"{peaks[name][e]:.3f}" if e in peaks[name] else "" for e in engines)] for name in peaks]
    yield from markdown(["a chain of products, 1e12 operations a second", *engines], chains)
    yield ""
    rows = []
    for each in [*measurements["engines"], *measurements["bulk"]]:
        seconds = statistics.median(each["seconds"]) if "seconds" in each else typical(each["rounds"]) / 1000
        rate, where = (
            each["operations"] / seconds / 1e12,
            "mixed real texts in bulk" if "seconds" in each else "b8 s128",
        )
        name = PEERS[each["peer"]].name if each["peer"] in PEERS else each["peer"]
        share = rate / max(peaks[each["precision"]].values())
        if "peaks" in each:
            share = statistics.median(shares(each["operations"], each["seconds"], each["peaks"]))
        rows.append([name, each["precision"], where, f"{rate:.3f}", f"{share:.0%}"])
    yield from markdown(["engine", "precision", "work", "1e12 operations a second", "of the peak"], rows)
