"""bert-serve against Infinity on the same MiniLM: `python -m benchmarks.serving_infinity VECTORS LABELS`, two bundles.

Both are in fp32; `--vectors-checkpoint` and `--labels-checkpoint` are what they were exported from. Infinity runs in a
virtual environment of its own (environments/infinity.txt), with its defaults on a CPU.

Measurements: for each round, task and server {"rate": requests a second with 32 clients, "p50", "p99": ms, "cpu": the
server's CPU ms a request}. Servers take turns within a round, with one text in a request.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import INFINITY
from benchmarks.results import save
from benchmarks.serving import CLIENTS, cpu_seconds, free_port, short
from benchmarks.serving_load import closed_loop
from bert_runtime.cpus import available_cpus

VERSION = "0.0.78"
START_SECONDS = 600


@dataclass(frozen=True)
class Address:
    """How a server is asked for a task: its path, and the body around a text."""

    path: str
    body: Mapping[str, Any]
    text: str

    def bodies(self, texts: Sequence[str]) -> list[bytes]:
        """One for each text."""
        is_list = self.text.endswith("[]")
        key = self.text.removesuffix("[]")
        return [json.dumps({**self.body, key: [text] if is_list else text}).encode() for text in texts]


ADDRESSES: Mapping[str, Mapping[str, Address]] = {
    "vectors": {
        "infinity": Address("/embeddings", {"model": "vectors"}, "input[]"),
        "ours": Address("/v1/embeddings", {"model": "vectors"}, "input[]"),
    },
    "labels": {
        "infinity": Address("/classify", {"model": "labels"}, "input[]"),
        "ours": Address("/v1/models/labels:predict", {}, "text"),
    },
}


@dataclass(frozen=True)
class Running:
    """A server with both models."""

    process: subprocess.Popen[bytes]
    port: int

    def measured(self, address: Address, texts: Sequence[str], seconds: float) -> dict[str, float]:
        """Some seconds of load."""
        before = cpu_seconds(self.process.pid)
        load = closed_loop(self.port, address.path, address.bodies(texts), CLIENTS, seconds)
        count = len(load.answered)
        failed = sum(map(len, load.latencies.values())) - count
        return {
            "rate": count / load.seconds,
            "p50": load.quantile(0.5),
            "p99": load.quantile(0.99),
            "cpu": (cpu_seconds(self.process.pid) - before) / max(1, count) * 1e3,
            "failed": failed,
        }


@contextmanager
def running(command: Sequence[str], port: int, health: str) -> Iterator[Running]:
    """A server, once it is healthy."""
    quiet = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
    process = subprocess.Popen([*command, "--port", str(port)], env={**os.environ, **quiet}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(START_SECONDS):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        else:
            raise RuntimeError(f"{command[0]} did not begin in {START_SECONDS} s")
        yield Running(process, port)
    finally:
        process.terminate()
        process.wait(90)


def rounds(servers: Mapping[str, Running], count: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Both tasks, the servers in turns."""
    texts = short(512)
    for task, addresses in ADDRESSES.items():
        for name, address in addresses.items():
            servers[name].measured(address, texts, 2)  # warm
        print(task, flush=True)
    for _ in range(count):
        row = {
            task: {name: servers[name].measured(address, texts, seconds) for name, address in addresses.items()}
            for task, addresses in ADDRESSES.items()
        }
        print(json.dumps(row), flush=True)
        yield row


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("vectors", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--vectors-checkpoint", type=Path, required=True)
    parser.add_argument("--labels-checkpoint", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--infinity", type=Path, help="the command, where it is installed already")
    parsed = parser.parse_args(arguments)
    infinity = parsed.infinity or INFINITY.make().with_name("infinity_emb")
    models = [f"--model-id={parsed.vectors_checkpoint}", f"--model-id={parsed.labels_checkpoint}"]
    names = ["--served-model-name=vectors", "--served-model-name=labels"]
    theirs = [str(infinity), "v2", *models, *names, "--engine=torch", "--device=cpu", "--log-level=warning"]
    ours = [sys.executable, "-m", "bert_serve", f"vectors={parsed.vectors}", f"labels={parsed.labels}", "--log=errors"]
    with (
        running(theirs, free_port(), "/health") as one,
        running(ours, free_port(), "/health/ready") as other,
    ):
        found = list(rounds({"infinity": one, "ours": other}, parsed.rounds, parsed.seconds))
    for task in ADDRESSES:
        ratios = [row[task]["ours"]["rate"] / row[task]["infinity"]["rate"] for row in found]
        print(f"{task}: {statistics.median(ratios):.2f}x Infinity's requests a second")
    print(save("serving-infinity", "minilm-l6", available_cpus(), {"version": VERSION, "rounds": found}))


if __name__ == "__main__":
    main()
