"""How much of the machine's arithmetic the engines reach: `python -m benchmarks.roofline [--rounds N] [--texts N]`.

The peak of a precision is that of the fastest engine here on a chain of BERT-base's own matrix products, 1,024 tokens
at a time, with nothing between them. A multiplication and an addition are two operations; only those of products and
attention count. Measurements: "peaks": precision -> engine -> operations a second, 1e12 of them, in the fastest call;
"engines": [{"peer", "precision", "operations", "rounds"}] at batch 8 and 128 tokens; "bulk": [{"peer", "precision",
"operations", "texts", "tokens", "seconds", "peaks"}]: mixed real texts from strings to labels, the operations those of
their own tokens without padding; what a round reaches is compared with OpenVINO's chain right before and after it, as
neighbours of this machine may change its peak within seconds.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import bert_runtime
from benchmarks.chain import OPERATIONS, chains, openvino_chain
from benchmarks.latency import RACED, WORK, usual_threads
from benchmarks.peers import PEERS
from benchmarks.race import Plan, build, built, race, started
from benchmarks.results import save
from benchmarks.summary import shares, typical
from benchmarks.texts import lengths, mixed
from benchmarks.workload import SIZES, Case, Model, Size

MODEL = Model("text-classification", "bert-base")
CASE = Case(8, 128)
BULK = {"bert-export-openvino-int8": "openvino", "bert-export-openvino-int8-performance": "openvino"} | {
    "bert-export-int8-performance": "cpu",
    "bert-export-openvino-bf16": "openvino",
}
"""Peers whose bundles answer in bulk -> the target."""
NOW = 12
"""Calls of a chain that tell its speed at a time: about half a second."""
SETTLE = 0.3
"""Seconds before a timed call: threads of the engine before may still wait for work in a loop."""


def operations(size: Size, lengths: Sequence[int]) -> float:
    """Of the encoder on rows of these lengths: its six products of each layer, and attention's two."""
    products = 4 * size.hidden**2 + 2 * size.hidden * size.intermediate
    return 2.0 * size.layers * sum(length * products + 2 * length**2 * size.hidden for length in lengths)


def peaks(threads: int, rounds: int) -> dict[str, dict[str, float]]:
    """Precision -> engine -> 1e12 operations a second."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision, engine, run in chains(Path(folder), threads):
            time.sleep(SETTLE)
            run()
            fastest = min(_seconds(run) for _ in range(rounds))
            found.setdefault(precision, {})[engine] = round(OPERATIONS / fastest / 1e12, 4)
            print(f"peak {precision} {engine:14} {OPERATIONS / fastest / 1e12:7.3f} T/s", flush=True)
    return found


def engines(peers: Sequence[str], threads: int, plan: Plan) -> Iterator[dict[str, Any]]:
    """Every peer's time for CASE, one precision after another: all of them at once would fill most memories."""
    work = operations(SIZES[MODEL.size], [CASE.sequence] * CASE.batch)
    for precision, members in RACED.items():
        with started([peer for peer in members if peer in peers], MODEL, WORK, threads) as workers:
            for peer, rounds in race(workers, CASE, plan).items():
                yield {"peer": peer, "precision": precision, "operations": work, "rounds": rounds}


def bulk(peers: Sequence[str], texts: int, rounds: int, threads: int) -> Iterator[dict[str, Any]]:
    """Our own ways in bulk, one after another."""
    asked = mixed(texts)
    for peer in peers:
        options = bert_runtime.Options(target=BULK[peer], threads=threads, mode="throughput")
        with bert_runtime.load(WORK / MODEL.name / peer / "bundle", options=options) as session:
            tokens = lengths(asked, session.text)

            def answer(session: Any = session) -> None:
                for _ in session.predict({"text": text} for text in asked):
                    pass

            precision = "int8" if "int8" in peer else "bf16"
            with openvino_chain(precision, threads) as chain:
                answer()
                found = [peak(chain)]
                seconds = []
                for _ in range(rounds):
                    seconds.append(round(_seconds(answer), 4))
                    found.append(peak(chain))
        work = operations(SIZES[MODEL.size], tokens)
        peaks = [max(pair) for pair in itertools.pairwise(found)]
        share = statistics.median(shares(work, seconds, peaks))
        print(f"bulk {peer:34} {work / min(seconds) / 1e12:7.3f} T/s {share:.0%} of the peak then", flush=True)
        facts = {"texts": len(asked), "tokens": sum(tokens), "seconds": seconds, "peaks": peaks}
        yield {"peer": peer, "precision": precision, "operations": work, **facts}


def peak(chain: Callable[[], object]) -> float:
    """What a chain reaches now, in 1e12 operations a second: in the fastest of a few calls."""
    time.sleep(SETTLE)
    chain()
    return round(OPERATIONS / min(_seconds(chain) for _ in range(NOW)) / 1e12, 4)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def best_peak(measured: Mapping[str, Mapping[str, float]], precision: str) -> float:
    """The fastest engine's, in 1e12 operations a second."""
    return max(measured[precision].values())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--texts", type=int, default=256, help="in bulk")
    flags.add_argument("--threads", type=int, default=usual_threads())
    flags.add_argument("--no-build", action="store_true", help="race the artefacts as they are, even outdated ones")
    parsed = flags.parse_args(arguments)
    everyone = [peer for peer in PEERS if peer != "bert-export-plain"]
    if not parsed.no_build:
        build(everyone, MODEL, WORK)
    ready = built(everyone, MODEL, WORK)
    found: dict[str, Any] = {"peaks": peaks(parsed.threads, 3 * parsed.rounds)}
    found["bulk"] = list(bulk([peer for peer in BULK if peer in ready], parsed.texts, parsed.rounds, parsed.threads))
    found["engines"] = list(engines(ready, parsed.threads, Plan(parsed.rounds)))
    for each in found["engines"]:
        rate = each["operations"] / typical(each["rounds"]) / 1e9
        share = rate / best_peak(found["peaks"], each["precision"])
        print(f"{each['peer']:34} {rate:7.3f} T/s {share:.0%} of the peak in {each['precision']}", flush=True)
    print(save("roofline", MODEL.name, parsed.threads, found), file=sys.stderr)


if __name__ == "__main__":
    main()
