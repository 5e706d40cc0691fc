"""What each of ONNX Runtime's session options is worth: `python -m benchmarks.session_options BUNDLE [--rounds N]`.

Every round runs each option in a process of its own, in turns: it loads the bundle's artefact for the target cpu and
calls it with one row of 128 tokens. Measurements: one {"option", "load", "rounds", "mib"} for each option, that of the
runtime first: milliseconds to load in each round, milliseconds of each call by round, peak resident MiB in each
round.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import resident
from benchmarks.results import save
from bert_runtime import bundle as bundles
from bert_runtime.backends.onnxruntime import import_onnxruntime, session_options
from bert_runtime.cpus import available_cpus

BASELINE = "as the runtime sets them"
CALLS = 20
TOKENS = 128

Change = Callable[[Any], None]
"""Sets an option of a session."""


def _entry(key: str, value: str) -> Change:
    return lambda options: options.add_session_config_entry(key, value)


def _level(name: str) -> Change:
    return lambda options: setattr(
        options, "graph_optimization_level", getattr(import_onnxruntime().GraphOptimizationLevel, name)
    )


def _attribute(name: str, value: object) -> Change:
    return lambda options: setattr(options, name, value)


SAVED = "optimised graph saved before, and not again"
OPTIONS: Mapping[str, Change] = {
    BASELINE: lambda _: None,
    "threads do not spin": _entry("session.intra_op.allow_spinning", "0"),
    "no arena": _attribute("enable_cpu_mem_arena", False),
    "no memory pattern": _attribute("enable_mem_pattern", False),
    "no prepacked weights": _entry("session.disable_prepacking", "1"),
    "optimised at level extended": _level("ORT_ENABLE_EXTENDED"),
    "optimised at level basic": _level("ORT_ENABLE_BASIC"),
    "not optimised": _level("ORT_DISABLE_ALL"),
    SAVED: _level("ORT_DISABLE_ALL"),
    "denormals are zero": _entry("session.set_denormal_as_zero", "1"),
}


def optimised(graph: Path, written: Path, threads: int) -> None:
    """Write what ONNX Runtime makes of a graph before it runs it."""
    module = import_onnxruntime()
    options = session_options(module, threads)
    options.optimized_model_filepath = str(written)
    module.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def one(graph: Path, option: str, threads: int) -> dict[str, Any]:
    """Load and call once in this process; see the module."""
    module = import_onnxruntime()
    options = session_options(module, threads)
    OPTIONS[option](options)
    began = time.perf_counter()
    session = module.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    load = (time.perf_counter() - began) * 1e3
    feeds = {each.name: _feed(each.name) for each in session.get_inputs()}
    calls = []
    for _ in range(CALLS + 2):
        began = time.perf_counter()
        session.run(None, feeds)
        calls.append((time.perf_counter() - began) * 1e3)
    return {"load": load, "calls": calls[2:], "mib": resident("VmHWM")}


def _feed(name: str) -> Any:
    if name == "positions":
        return np.zeros((1, 1), dtype=np.int64)
    row = np.arange(1000, 1000 + TOKENS)[np.newaxis]
    return {"input_ids": row, "attention_mask": np.ones_like(row)}.get(name, np.zeros_like(row))


def measure(graph: Path, rounds: int, threads: int) -> Iterator[dict[str, Any]]:
    """Every option's measurements; see the module."""
    found: dict[str, list[dict[str, Any]]] = {option: [] for option in OPTIONS}
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "optimised.onnx"
        for weights in graph.parent.glob(f"{graph.name}.data"):  # what it makes of the graph reads some of them there
            shutil.copy(weights, folder)
        optimised(graph, saved, threads)
        for _ in range(rounds):
            for option, runs in found.items():
                command = [sys.executable, "-m", "benchmarks.session_options", str(saved if option == SAVED else graph)]
                command += ["--option", option, "--threads", str(threads)]
                runs.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    for option, runs in found.items():
        numbers = {"load": [run["load"] for run in runs], "mib": [run["mib"] for run in runs]}
        yield {"option": option, "rounds": [run["calls"] for run in runs], **numbers}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result; with --option, measure that one in this process and print it."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("bundle", type=Path, help="a bundle with an artefact for cpu; with --option, a graph")
    flags.add_argument("--rounds", type=int, default=7)
    flags.add_argument("--threads", type=int, default=available_cpus())
    flags.add_argument("--option", choices=tuple(OPTIONS))
    parsed = flags.parse_args(arguments)
    if parsed.option:
        print(json.dumps(one(parsed.bundle, parsed.option, parsed.threads)))
        return
    manifest = bundles.read(parsed.bundle).manifest
    artefact = next(each for each in manifest.artefacts if each.target == "cpu")
    measurements = list(measure(parsed.bundle / artefact.file, parsed.rounds, parsed.threads))
    print(save("session_options", f"{manifest.task}-{artefact.precision}", parsed.threads, measurements))


if __name__ == "__main__":
    main()
