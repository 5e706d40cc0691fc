"""What the runtime adds to the network: `python -m benchmarks.overhead [--bundle DIR]`, a question-answering bundle.

Measurements: "request": for each length of context {"tokens", "calls": [{stage: ms}, ...]}, the stages of one request,
each call timed whole and in parts, so that what is left over is the runtime's own, and "apart": [{request, graph,
tokenise: ms}, ...], the same three one after another without a clock inside; "start": command -> for each of
several processes {"wall", "cpu"} in seconds; "import": module -> milliseconds of its own import, the slowest ones.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bert_runtime
from benchmarks.latency import WORK
from benchmarks.machine import this_machine
from benchmarks.race import build
from benchmarks.results import save
from benchmarks.workload import Model
from bert_runtime.schedule import collate, plan

QUESTION = "Where did the expedition spend the winter?"
SENTENCE = "The ship left in May. Ice closed around her in September, and the crew spent the winter on a small island. "

STAGES = ("tokenise", "encode", "schedule", "engine wrapper", "graph", "decode")
"""The parts of one request. `tokenise` and `graph` are the libraries'; the others are the runtime's own."""


class Clock:
    """Milliseconds spent in each wrapped call since the last `clear`."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def wrap(self, owner: Any, method: str, name: str) -> None:
        """Time `owner.method` under `name`; calls add up."""
        inner = getattr(owner, method)

        def timed(*arguments: Any) -> Any:
            began = time.perf_counter_ns()
            value = inner(*arguments)
            self.spent[name] = self.spent.get(name, 0.0) + (time.perf_counter_ns() - began) / 1e6
            return value

        setattr(owner, method, timed)


class BareSession:
    """onnxruntime's session behind a Python object, whose `run` a Clock can wrap."""

    def __init__(self, session: Any) -> None:
        self.run = session.run


def stages(bundle: Path, context: str, calls: int, threads: int) -> dict[str, Any]:
    """The stages of one request, `calls` times; each is in milliseconds."""
    session = bert_runtime.load(bundle, options=bert_runtime.Options(threads=threads))
    request = session.task.request.from_record({"question": QUESTION, "context": context})
    separate = apart(session, request, calls)
    engine: Any = session.engine
    engine._session = BareSession(engine._session)
    clock = Clock()
    clock.wrap(engine._session, "run", "graph")
    clock.wrap(engine, "run", "engine")
    clock.wrap(session.text, "pieces", "tokenise")
    clock.wrap(session._head, "encode", "encode")
    clock.wrap(session._head, "decode", "decode")
    found = []
    for _ in range(calls):
        clock.spent.clear()
        began = time.perf_counter_ns()
        session(request)
        found.append(_parts((time.perf_counter_ns() - began) / 1e6, clock.spent))
    tokens = sum(len(row.ids) for row in session._head.encode(request).features)
    first = calls // 5  # the first ones warm up
    return {"tokens": tokens, "calls": found[first:], "apart": separate[first:]}


def apart(session: Any, request: Any, calls: int) -> list[dict[str, float]]:
    """A request, a bare run of its rows, and their tokenisation, in turns: milliseconds of each."""
    rows = session._head.encode(request).features
    planned = [[rows[i] for i in indices] for indices in plan(rows, session.batch_limits)]
    collated = [collate(batch, session.text.pad_id) for batch in planned]
    batches = [{spec.name: feeds[spec.name] for spec in session.artefact.inputs} for feeds in collated]
    texts, names = (request.question, request.context), list(session._fetch)
    bare = session.engine._session

    def run() -> None:
        for feeds in batches:
            bare.run(names, feeds)

    def tokenise() -> None:
        for text in texts:
            session.text.pieces(text)

    parts = {"request": lambda: session(request), "graph": run, "tokenise": tokenise}
    return [{name: _spent(part) for name, part in parts.items()} for _ in range(calls)]


def _spent(work: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    work()
    return round((time.perf_counter_ns() - began) / 1e6, 4)


def _parts(whole: float, spent: Mapping[str, float]) -> dict[str, float]:
    """STAGES from nested times: what a call spent outside the calls that it made."""
    parts = {
        "tokenise": spent["tokenise"],
        "encode": spent["encode"] - spent["tokenise"],
        "schedule": whole - spent["encode"] - spent["engine"] - spent["decode"],
        "engine wrapper": spent["engine"] - spent["graph"],
        "graph": spent["graph"],
        "decode": spent["decode"],
    }
    return {name: round(parts[name], 4) for name in STAGES}


def start_times(bundle: Path, processes: int) -> dict[str, list[dict[str, float]]]:
    """Command -> seconds of a whole process, by the clock and of CPU time, in interleaved rounds."""
    python, commands = [sys.executable, "-c"], Path(sys.executable).parent
    context = SENTENCE * 5
    started = {
        "python -c pass": [*python, "pass"],
        "import numpy, tokenizers": [*python, "import numpy, tokenizers"],
        "import numpy, tokenizers, onnxruntime": [*python, "import numpy, tokenizers, onnxruntime"],
        "import bert_runtime": [*python, "import bert_runtime"],
        "bert-export --help": [str(commands / "bert-export"), "--help"],
        "bert-run --help": [str(commands / "bert-run"), "--help"],
        "bert-run, one question": [
            *(str(commands / "bert-run"), str(bundle)),
            *("--question", QUESTION, "--context", context),
        ],
    }
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in started}
    for _ in range(processes):
        for name, command in started.items():
            seconds[name].append(_process_time(command))
    return seconds


def _process_time(command: Sequence[str]) -> dict[str, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"wall": round(wall, 4), "cpu": round(cpu, 4)}


def slow_imports(count: int = 12) -> dict[str, float]:
    """Module -> milliseconds of its import without those it imports itself; the slowest of `import bert_runtime`."""
    command = [sys.executable, "-X", "importtime", "-c", "import bert_runtime"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", text)
    slowest = sorted(((int(own) / 1000, name) for own, name in found), reverse=True)[:count]
    return {name: own for own, name in slowest}


def random_bundle() -> Path:
    """A question-answering bundle of MiniLM's size with random weights: overhead does not depend on them."""
    model = Model("question-answering", "minilm-l6")
    build(["bert-export"], model, WORK)
    return WORK / model.name / "bert-export" / "bundle"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--bundle", type=Path, help="default: random weights of MiniLM's size")
    flags.add_argument("--calls", type=int, default=200)
    flags.add_argument("--processes", type=int, default=7, help="of each command that is started")
    flags.add_argument("--threads", type=int, default=min(2, this_machine().cpus))
    parsed = flags.parse_args(arguments)
    bundle = parsed.bundle or random_bundle()
    measurements = {
        "request": [stages(bundle, SENTENCE * times, parsed.calls, parsed.threads) for times in (1, 5, 14, 28)],
        "start": start_times(bundle, parsed.processes),
        "import": slow_imports(),
    }
    print(save("overhead", "question-answering-minilm-l6", parsed.threads, measurements), file=sys.stderr)


if __name__ == "__main__":
    main()
