"""The C++ runtime against Python's: `python -m benchmarks.cpp_session BUNDLE [--build DIR] [--rounds N]`.

BUNDLE answers questions. Both runtimes use the same ONNX Runtime, in one thread; the environment variable
BERT_RUNTIME_ONNXRUNTIME names it for C++. Times are CPU time, so that a busy machine moves them little; those of a
start are also wall time. Measurements: {"measure": latency or start, "rounds": runtime -> numbers}, the order of the
runtimes drawn anew for each round. A latency is of one request (microseconds; the median of each round's calls), from
fields to the answer as JSON; a start is a whole process that loads the bundle, answers one request and ends
(milliseconds).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bert_runtime
from benchmarks.results import save
from bert_runtime.record_writers import dumps, to_json

ROOT = Path(__file__).parent.parent
QUESTION = "How many pretrained models are available?"
CPP, PYTHON = "bert_runtime, C++", "bert_runtime, Python"
Request = dict[str, str]
Engine = Callable[[Request, float], list[float]]


def requests() -> dict[str, Request]:
    """A question about a short text and about one that takes several windows."""
    text = (ROOT / "examples" / "transformers.txt").read_text(encoding="utf-8")
    return {
        "one sentence": {"question": QUESTION, "context": text.split(".")[0]},
        "whole text": {"question": QUESTION, "context": text},
    }


@contextmanager
def cpp_engine(program: Path, bundle: Path) -> Iterator[Engine]:
    """The C++ runtime, in a process of its own."""
    command = [str(program), str(bundle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def calls(request: Request, milliseconds: float) -> list[float]:
            print(json.dumps({"request": request, "milliseconds": milliseconds}), file=asked, flush=True)
            times: list[float] = json.loads(answers.readline())["microseconds"]
            return times

        yield calls
        asked.close()


def python_engine(bundle: Path) -> Engine:
    """The Python runtime, in this process."""
    session = bert_runtime.load(bundle, options=bert_runtime.Options(threads=1))

    def calls(request: Request, milliseconds: float) -> list[float]:
        times: list[float] = []
        end = time.process_time_ns() + milliseconds * 1e6
        while not times or time.process_time_ns() < end:
            before = time.process_time_ns()
            answer = to_json(session(request))
            assert isinstance(answer, dict)
            dumps(answer)
            times.append((time.process_time_ns() - before) / 1000)
        return times

    return calls


def latencies(program: Path, bundle: Path, rounds: int, milliseconds: float) -> list[dict[str, Any]]:
    """Let the runtimes take turns on every request."""
    measurements = []
    with cpp_engine(program, bundle) as ours:
        engines = {CPP: ours, PYTHON: python_engine(bundle)}
        for name, request in requests().items():
            found: dict[str, list[float]] = {engine: [] for engine in engines}
            for _ in range(rounds):
                for engine in random.sample(list(engines), len(engines)):
                    found[engine].append(round(statistics.median(engines[engine](request, milliseconds)), 1))
            measurements.append({"measure": "latency", "request": name, "rounds": found})
    return measurements


def starts(command: Path, bundle: Path, rounds: int) -> list[dict[str, Any]]:
    """Whole processes, one after the other."""
    flags = [str(bundle), "--threads", "1", "--question", QUESTION, "--context", requests()["one sentence"]["context"]]
    commands = {CPP: [str(command), *flags], PYTHON: [sys.executable, "-m", "bert_runtime.cli", *flags]}
    wall: dict[str, list[float]] = {name: [] for name in commands}
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name in random.sample(list(commands), len(commands)):
            before, used = time.perf_counter(), _children()
            subprocess.run(commands[name], check=True, capture_output=True)
            wall[name].append(round((time.perf_counter() - before) * 1000, 1))
            cpu[name].append(round((_children() - used) * 1000, 1))
    return [{"measure": "start, wall time", "rounds": wall}, {"measure": "start, CPU time", "rounds": cpu}]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the medians, keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("bundle", type=Path)
    flags.add_argument("--build", type=Path, default=ROOT / "build" / "cpp", help="of runtime/cpp, a release build")
    flags.add_argument("--rounds", type=int, default=9)
    flags.add_argument("--milliseconds", type=float, default=300, help="of each runtime in each round")
    parsed = flags.parse_args(arguments)
    program, command = parsed.build / "tests" / "session_speed", parsed.build / "bert_run"
    if not program.is_file():
        raise SystemExit(f"{program} is missing; run `make cpp`, or name the build with --build")
    measurements = latencies(program, parsed.bundle, parsed.rounds, parsed.milliseconds)
    measurements += starts(command, parsed.bundle, parsed.rounds)
    for measurement in measurements:
        medians = {name: statistics.median(values) for name, values in measurement["rounds"].items()}
        print(measurement["measure"], measurement.get("request", ""), medians)
    print(save("cpp_session", parsed.bundle.name, 1, measurements), file=sys.stderr)


if __name__ == "__main__":
    main()
