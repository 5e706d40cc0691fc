"""Requests of lengths that an engine has not met: `python -m benchmarks.new_lengths [--texts 600] [--rounds 3]`.

OpenVINO prepares itself for each shape that it meets, and keeps what it prepared; a race at five shapes never sees
that. Here each way answers one request after another in a fresh process, as long as real texts of mixed lengths are,
once. Measurements: {"way", "rounds", "mib"}: the milliseconds of each request in each round, and the resident memory at
its end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import variables
from benchmarks.latency import WORK, usual_threads
from benchmarks.machine import resident
from benchmarks.peers import ELSEWHERE, PEERS
from benchmarks.peers.bert_export import BertExport
from benchmarks.peers.peer import Stall
from benchmarks.race import build, built
from benchmarks.results import save
from benchmarks.workload import Case, Feeds, Model

Answer = Callable[[Feeds], object]


@dataclass(frozen=True)
class Way:
    """A peer, and for ours what widths are multiples of: 0 as the runtime does it; None for a peer's own call."""

    name: str
    peer: str
    multiple: int | None = None


WAYS = (
    Way("bert-export, openvino int8 performance", "bert-export-openvino-int8-performance", 0),
    Way("bert-export, openvino int8 performance, widths as they come", "bert-export-openvino-int8-performance", 1),
    Way("optimum-intel, OpenVINO + NNCF int8", "optimum-intel-int8"),
    Way("bert-export, cpu int8 performance", "bert-export-int8-performance", 0),
)


def real_lengths(count: int) -> list[int]:
    """Tokens of so many real texts, in an order that mixes them."""
    import bert_runtime  # noqa: PLC0415 - not in a peer's environment
    from benchmarks.heads import bundle  # noqa: PLC0415
    from benchmarks.texts import lengths, mixed  # noqa: PLC0415

    with bert_runtime.load(bundle("text-classification", "bert-export fp32")) as session:
        return lengths(mixed(count), session.text)


def ours(stall: Stall, target: str, multiple: int, threads: int) -> Answer:
    """The session's way from a row to its outputs."""
    import bert_runtime  # noqa: PLC0415
    from bert_runtime.schedule import BatchLimits  # noqa: PLC0415
    from bert_runtime.tasks.task import Features  # noqa: PLC0415

    options = bert_runtime.Options(target, threads, BatchLimits(pad_to_multiple_of=multiple or None))
    session: Any = bert_runtime.load(stall.folder / "bundle", options=options)

    def answer(feeds: Feeds) -> object:
        row = Features(feeds["input_ids"][0], feeds["attention_mask"][0], feeds["token_type_ids"][0])
        return list(session.outputs([row], ["logits"]))

    return answer


def serve(way: Way, model: Model, asked: Sequence[int], threads: int) -> dict[str, Any]:
    """Answer a request of each length, once, in this process."""
    stall = Stall(model, WORK / model.name / "checkpoint", WORK / model.name / way.peer)
    peer = PEERS[way.peer]
    if isinstance(peer, BertExport) and way.multiple is not None:
        answer = ours(stall, peer.target.partition(":")[0], way.multiple, threads)
    else:
        answer = peer.load(stall, threads)
    milliseconds = []
    for length in asked:
        feeds = Case(1, length).feeds()
        began = time.perf_counter()
        answer(feeds)
        milliseconds.append(round((time.perf_counter() - began) * 1e3, 3))
    return {"milliseconds": milliseconds, "mib": round(resident("VmRSS"), 1)}


def measure(model: Model, asked: Sequence[int], rounds: int, threads: int) -> list[dict[str, Any]]:
    """All ways in turn, each time in a new process."""
    ready = built([way.peer for way in WAYS], model, WORK)
    found: dict[int, dict[str, Any]] = {
        index: {"way": way.name, "rounds": [], "mib": []} for index, way in enumerate(WAYS) if way.peer in ready
    }
    for _ in range(rounds):
        for index, each in found.items():
            peer = WAYS[index].peer
            python = str(ELSEWHERE[peer].interpreter if peer in ELSEWHERE else Path(sys.executable))
            command = [python, "-m", "benchmarks.new_lengths", "--serve", str(index), "--threads", str(threads)]
            done = subprocess.run(
                [*command, "--model", model.name],
                input=json.dumps(list(asked)),
                env=variables(),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            told = json.loads(done.stdout)
            each["rounds"].append(told["milliseconds"])
            each["mib"].append(told["mib"])
            mean = sum(told["milliseconds"]) / len(asked)
            print(f"{each['way']:40} {mean:8.1f} ms in the mean {told['mib']:8.0f} MiB", file=sys.stderr, flush=True)
    return list(found.values())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--model", default="text-classification-bert-base", help="TASK-SIZE, with random weights")
    flags.add_argument("--texts", type=int, default=600)
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--threads", type=int, default=usual_threads())
    flags.add_argument("--no-build", action="store_true", help="measure the artefacts as they are, even outdated ones")
    flags.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parsed = flags.parse_args(arguments)
    model = Model.parse(parsed.model)
    if parsed.serve is not None:  # what libraries print goes to standard error, so that the answer stays readable
        answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        print(json.dumps(serve(WAYS[parsed.serve], model, json.load(sys.stdin), parsed.threads)), file=answers)
        answers.flush()
        return
    if not parsed.no_build:
        build(list(dict.fromkeys(way.peer for way in WAYS)), model, WORK)
    found = measure(model, real_lengths(parsed.texts), parsed.rounds, parsed.threads)
    print(save("new_lengths", model.name, parsed.threads, found), file=sys.stderr)


if __name__ == "__main__":
    main()
