"""Start and memory of whole processes: `python -m benchmarks.memory [--model NAME] [--processes N] [--requests N]`.

Measurements: "start": process -> for each run {"seconds", "peak_mib"}: from the start of the process, imports included,
to its first answer, and the peak of its resident memory by then; "bulk": {"bundle", "samples": {mode:
[[requests, MiB], ...]}}: the resident memory of a process that answers short texts in bulk, the first sample after a
thousand of them, the second when throughput mode has filled its two chunks of the stream several times. A peak is
Linux's VmHWM, read by the process itself: what `wait4` tells of a child counts its parent's memory too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import variables
from benchmarks.latency import WORK, usual_threads
from benchmarks.peers import ELSEWHERE, PEERS
from benchmarks.peers.optimum_onnxruntime import CLASSES, FILES
from benchmarks.race import build, built
from benchmarks.results import save
from benchmarks.workload import Model

BULK_MODEL = Model("text-classification", "minilm-l6")
BULK_PEER = "bert-export-int8-performance"
SAMPLED = (1000, 4000, *range(10_000, 1_000_001, 10_000))
"""Requests after which the memory is sampled; after the last one too."""
MODES = ("latency", "throughput")

# What libraries print goes to standard error, so that answers stay readable.
MEMORY = """
import json, os, re
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
def mib(field):
    with open("/proc/self/status", encoding="utf-8") as file:
        return round(int(re.search(field + r":\\s+(\\d+)", file.read())[1]) / 1024, 1)
"""
OURS = """
import sys, bert_runtime
bundle, target, threads, text = sys.argv[1:]
options = bert_runtime.Options(target=target, threads=int(threads))
session = bert_runtime.load(bundle, options=options)
answer = session({"text": text}).labels[0].label
"""
OPTIMUM = """
import os, sys
os.environ["HF_HUB_OFFLINE"] = "1"
folder, file, kind, checkpoint, threads, text = sys.argv[1:]
import onnxruntime, optimum.onnxruntime, transformers
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
model = getattr(optimum.onnxruntime, kind).from_pretrained(folder, file_name=file, session_options=options)
tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
answer = pipeline(text)[0]["label"]
"""
TORCH = """
import os, sys
os.environ["HF_HUB_OFFLINE"] = "1"
checkpoint, threads, text = sys.argv[1:]
import torch, transformers
torch.set_num_threads(int(threads))
answer = transformers.pipeline("text-classification", model=checkpoint)(text)[0]["label"]
"""
FIRST_ANSWER = 'print(json.dumps({"answer": answer, "peak_mib": mib("VmHWM")}), file=answers, flush=True)\n'
BULK = """
import random, sys, bert_runtime
bundle, mode, threads, count = *sys.argv[1:3], *map(int, sys.argv[3:5])
sampled = json.loads(sys.argv[5])
words = "the film was a slow but moving story of two friends who never meet again after one long summer".split()
seeded = random.Random(0)
texts = ({"text": " ".join(seeded.choices(words, k=seeded.randint(3, 12)))} for _ in range(count))
samples = []
with bert_runtime.load(bundle, options=bert_runtime.Options(threads=threads, mode=mode)) as session:
    for done, _ in enumerate(session.predict(texts), 1):
        if done in sampled:
            samples.append([done, mib("VmRSS")])
print(json.dumps(samples), file=answers, flush=True)
"""
TEXT = "The ship left in May, and the crew spent the winter on a small island."


@dataclass(frozen=True)
class Program:
    """A Python program from its start to its first answer; `peer` is whose artefact it loads."""

    name: str
    peer: str
    text: str
    arguments: tuple[str, ...]


def programs(model: Model, threads: int) -> list[Program]:
    """Those that are compared, each as its documentation would write it."""
    root = WORK / model.name
    checkpoint = str(root / "checkpoint")
    ours = {"bert-export": "cpu", "bert-export-int8-performance": "cpu", "bert-export-openvino-int8": "openvino"}
    optimum = {"optimum-quantised": "quantised", "optimum-o2": "O2"}
    count = str(threads)
    return [
        *(
            Program(PEERS[peer].name, peer, OURS, (str(root / peer / "bundle"), target, count, TEXT))
            for peer, target in ours.items()
        ),
        *(
            Program(
                f"{PEERS[peer].name}, pipeline",
                peer,
                OPTIMUM,
                (str(root / peer), FILES[step], CLASSES[model.task], checkpoint, count, TEXT),
            )
            for peer, step in optimum.items()
        ),
        Program("transformers pipeline, torch fp32", "torch-eager", TORCH, (checkpoint, count, TEXT)),
    ]


def first_answer(program: Program) -> dict[str, float]:
    """Run it once.

    Raises:
        RuntimeError: it ended without an answer; its errors are on standard error.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        _python(program.peer, MEMORY + program.text + FIRST_ANSWER, program.arguments),
        stdout=subprocess.PIPE,
        text=True,
        env=variables() if program.peer in ELSEWHERE else None,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    seconds = time.perf_counter() - began
    process.communicate()
    if not line:
        raise RuntimeError(f"{program.name}: the process ended with {process.returncode}, expected an answer")
    return {"seconds": round(seconds, 4), "peak_mib": json.loads(line)["peak_mib"]}


def start(model: Model, processes: int, threads: int) -> dict[str, list[dict[str, float]]]:
    """Every program in interleaved rounds, after one that fills the disk's cache; what is not built is left out."""
    compared = programs(model, threads)
    ready = built([program.peer for program in compared], model, WORK)
    compared = [program for program in compared if program.peer in ready]
    found: dict[str, list[dict[str, float]]] = {program.name: [] for program in compared}
    for turn in range(processes + 1):
        for program in compared:
            run = first_answer(program)
            if turn:
                found[program.name].append(run)
                print(f"{program.name:40} {run['seconds']:7.2f} s {run['peak_mib']:8.1f} MiB", flush=True)
    return found


def bulk(requests: int, threads: int) -> dict[str, Any]:
    """The resident memory while so many short texts are answered in bulk, in each mode."""
    bundle = WORK / BULK_MODEL.name / BULK_PEER / "bundle"
    sampled = json.dumps(sorted({count for count in SAMPLED if count <= requests} | {requests}))
    samples = {}
    for mode in MODES:
        command = _python(BULK_PEER, MEMORY + BULK, (str(bundle), mode, str(threads), str(requests), sampled))
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        samples[mode] = json.loads(done.stdout)
        print(f"{mode}: MiB by requests {samples[mode]}", flush=True)
    return {"bundle": f"{BULK_MODEL.name}, {PEERS[BULK_PEER].name}", "samples": samples}


def _python(peer: str, program: str, arguments: Sequence[str]) -> list[str]:
    python = ELSEWHERE[peer].interpreter if peer in ELSEWHERE else Path(sys.executable)
    return [str(python), "-c", program, *arguments]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--model", default="text-classification-bert-base", help="TASK-SIZE, with random weights")
    flags.add_argument("--processes", type=int, default=5, help="of each kind")
    flags.add_argument("--requests", type=int, default=100_000, help="in bulk; 0: no bulk work")
    flags.add_argument("--threads", type=int, default=usual_threads())
    flags.add_argument("--no-build", action="store_true", help="measure the artefacts as they are, even outdated ones")
    parsed = flags.parse_args(arguments)
    if 0 < parsed.requests < SAMPLED[0]:
        flags.error(f"--requests is {parsed.requests}, expected at least {SAMPLED[0]}, or 0 for none")
    model = Model.parse(parsed.model)
    if not parsed.no_build:
        build([program.peer for program in programs(model, parsed.threads)], model, WORK)
        build([BULK_PEER], BULK_MODEL, WORK)
    found: dict[str, Any] = {"start": start(model, parsed.processes, parsed.threads)}
    if parsed.requests:
        found["bulk"] = bulk(parsed.requests, parsed.threads)
    print(save("memory", model.name, parsed.threads, found), file=sys.stderr)


if __name__ == "__main__":
    main()
