"""Real texts from strings to answers, one by one and in bulk: `python -m benchmarks.real_text [--kinds NAME ...]`.

Questions of SQuAD with their contexts, film reviews short and long, CoNLL sentences, and texts of mixed lengths; each
kind goes to a head that was trained on its like, MiniLM-L6 with real weights. Measurements are like `latency`'s:
{"batch", "sequence", "peer", "baseline", "agreement", "rounds"}: a batch of 1 is requests one by one, with the
milliseconds of each; a larger one is so many requests at once, and their milliseconds together divided by their number.
`sequence` is the mean of their tokens, `agreement` the share of answers that are those of bert-export in fp32.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import FOLDER
from benchmarks.accuracy_heads import HEADS
from benchmarks.environments import EnvironmentMissingError, variables
from benchmarks.heads import bundle, merged_checkpoint
from benchmarks.latency import usual_threads
from benchmarks.peers.text import TEXT_PEERS, Place, entered
from benchmarks.race import Plan, Process, in_turns
from benchmarks.results import save
from benchmarks.summary import speed_up, typical
from benchmarks.texts import KINDS, Kind, Record

REFERENCE = "bert-export"
LEAST = 0.5
"""Share of equal answers below which something else is wrong than rounding, and nothing is timed."""


@dataclass(frozen=True)
class Ready:
    """A peer that is built, and the command line of its process."""

    peer: str
    python: Path
    place: Place

    def command(self, verb: str, threads: int = 0, in_bulk: bool = False) -> list[str]:
        """See text_worker."""
        place = self.place
        spec = {
            "peer": self.peer,
            "task": place.task,
            "checkpoint": str(place.checkpoint),
            "folder": str(place.folder),
            "bundles": {variant: str(path) for variant, path in place.bundles.items()},
            "threads": threads,
            "in_bulk": in_bulk,
        }
        return [str(self.python), "-m", "benchmarks.text_worker", verb, json.dumps(spec)]


def prepare(kind: Kind, named: Sequence[str]) -> list[Ready]:
    """Everyone whose environment, bundle and artefact are there or could be made; others are skipped by name."""
    found, task = [], HEADS[kind.head].task
    for name in entered(task):
        peer = TEXT_PEERS[name]
        if name not in named and name != REFERENCE:
            continue
        try:
            python = peer.environment.make() if peer.environment else Path(sys.executable)
            bundles = {peer.variant: bundle(kind.head, peer.variant)} if peer.variant else {}
            place = Place(task, merged_checkpoint(kind.head), bundles, FOLDER / kind.head / name)
            ready = Ready(name, python, place)
            _build(ready)
        except (EnvironmentMissingError, subprocess.CalledProcessError) as error:
            print(f"{name} is skipped: {error}", file=sys.stderr, flush=True)
        else:
            found.append(ready)
    return found


def _build(ready: Ready) -> None:
    stamp, environment = ready.place.folder / "built-by", TEXT_PEERS[ready.peer].environment
    version = environment.version if environment else ""
    if stamp.exists() and stamp.read_text(encoding="utf-8") == version:
        return
    ready.place.folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(ready.command("build"), check=True, stdout=subprocess.DEVNULL, env=variables())
    stamp.write_text(version, encoding="utf-8")


def measure(
    ready: Sequence[Ready], requests: Sequence[Record], plan: Plan, threads: int, in_bulk: bool
) -> list[dict[str, Any]]:
    """Everyone's times for the requests, in interleaved rounds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "requests.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in requests), encoding="utf-8")
        processes = {
            each.peer: stack.enter_context(Process(each.peer, each.command("serve", threads, in_bulk)))
            for each in ready
        }
        answers = {peer: process.ask(_order(path, True))["answers"] for peer, process in processes.items()}
        agreement = {peer: _agreement(found, answers[REFERENCE]) for peer, found in answers.items()}
        wrong = [f"{peer} {share:.2f}" for peer, share in agreement.items() if share < LEAST]
        if wrong:
            raise SystemExit(f"answers as in fp32: {', '.join(wrong)}, expected {LEAST} at least; nothing was timed")
        batch = len(requests) if in_bulk else 1
        turns = {peer: functools.partial(_turn, process, path, batch) for peer, process in processes.items()}
        rounds = in_turns(turns, plan)
    facts = {"batch": batch, "sequence": _tokens(ready, requests), "baseline": _baseline(list(rounds))}
    return [
        {**facts, "peer": peer, **_versions(peer), "agreement": agreement[peer], "rounds": rounds[peer]}
        for peer in rounds
    ]


def _versions(peer: str) -> dict[str, dict[str, str]]:
    environment = TEXT_PEERS[peer].environment
    return {"versions": environment.versions} if environment else {}


def _turn(process: Process, path: Path, batch: int) -> list[float]:
    """Milliseconds of each request."""
    spent: list[float] = process.ask(_order(path, False))["milliseconds"]
    return [round(each / batch, 4) for each in spent]


def _order(path: Path, with_answers: bool) -> dict[str, Any]:
    return {"requests": str(path), "answers": with_answers}


def _baseline(peers: Sequence[str]) -> str:
    """A pipeline over torch in fp32 where there is one, else ourselves."""
    return next((peer for peer in peers if peer.startswith("transformers")), REFERENCE)


def _agreement(found: Sequence[str], expected: Sequence[str]) -> float:
    return round(float(np.mean([one == other for one, other in zip(found, expected, strict=True)])), 4)


def _tokens(ready: Sequence[Ready], requests: Sequence[Record]) -> int:
    """The mean number of tokens of a request, cut to what one row holds."""
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(ready[0].place.checkpoint / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [" ".join(record.values()) for record in requests]
    return round(float(np.mean([min(512, len(each.ids)) for each in tokenizer.encode_batch(texts)])))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare, measure and keep the results, one for each kind."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    flags.add_argument("--peers", nargs="+", choices=TEXT_PEERS, default=list(TEXT_PEERS), metavar="NAME")
    flags.add_argument("--requests", type=int, default=32, help="how many one by one")
    flags.add_argument("--texts", type=int, default=192, help="how many in bulk")
    flags.add_argument("--rounds", type=int, default=7)
    flags.add_argument("--limit", type=float, default=60.0, help="seconds of each kind one by one, and in bulk, about")
    flags.add_argument("--threads", type=int, default=usual_threads())
    flags.add_argument("--build-only", action="store_true", help="make what is missing, race later")
    parsed = flags.parse_args(arguments)
    plan = Plan(parsed.rounds, limit=parsed.limit)
    for name in parsed.kinds:
        kind = KINDS[name]
        ready = prepare(kind, parsed.peers)
        measurements: list[dict[str, Any]] = []
        for count, in_bulk in [] if parsed.build_only else ((parsed.requests, False), (parsed.texts, True)):
            found = measure(ready, kind.sample(count), plan, parsed.threads, in_bulk)
            _tell(name, found)
            measurements += found
            print(save("real_text", f"{kind.head}-{name}", parsed.threads, measurements), file=sys.stderr)


def _tell(name: str, measurements: Sequence[dict[str, Any]]) -> None:
    times = {each["peer"]: each["rounds"] for each in measurements}
    for each in measurements:
        ratio = speed_up(each["rounds"], times[each["baseline"]]).median
        how = f"{name}, {each['batch'] if each['batch'] > 1 else 'one'} at once"
        print(
            f"{how:32} {each['peer']:28} {typical(each['rounds']):8.2f} ms {ratio:5.2f}x", file=sys.stderr, flush=True
        )


if __name__ == "__main__":
    main()
