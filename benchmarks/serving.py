"""bert-serve against a plain FastAPI handler on the same bundle: `python -m benchmarks.serving FP32 INT8`, two bundles.

Measurements: "closed": case -> for each round and server {"rate": requests a second, "p50", "p99": ms, "cpu": the
server's CPU ms a request}, and "predict": CPU ms a text of `Session.predict`; "one": for each round p50 in ms of one
client and of direct calls; "overload": for each bundle, at 1.5 times the capacity, what became
of requests.

Servers take turns within a round; ratios are of one round. The clients share the CPUs with the server, as they would
not in a deployment: rates are lower than they could be, for both.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bert_runtime
from benchmarks.results import save
from benchmarks.serving_load import Load, closed_loop, poisson
from benchmarks.texts import mixed
from bert_runtime.cpus import available_cpus

CLIENTS = 32
QUEUE = 256
OURS = "/v1/models/model:predict"


def short(count: int) -> list[str]:
    """Texts of 10 to 31 tokens."""
    words = (
        "a warm funny and thoroughly engaging film that never quite finds its way",
        "but is worth the time it takes",
    )
    draw = random.Random(0)
    return [" ".join(draw.choices(" ".join(words).split(), k=draw.randrange(8, 29))) for _ in range(count)]


def free_port() -> int:
    """One that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Server:
    """A server that runs: ours, or the plain one."""

    def __init__(self, bundle: Path, is_ours: bool) -> None:
        self.port = free_port()
        self.path = OURS if is_ours else "/predict"
        ours = ["bert_serve", f"model={bundle}", "--port", str(self.port), "--log", "errors", "--queue", str(QUEUE)]
        plain = ["benchmarks.serving_plain", str(bundle), str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *(ours if is_ours else plain)], stderr=subprocess.DEVNULL
        )
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not begin")

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        return cpu_seconds(self.process.pid)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def servers(bundle: Path) -> Iterator[Mapping[str, Server]]:
    """Both on one bundle."""
    made: dict[str, Server] = {}
    try:
        for name, is_ours in (("plain", False), ("ours", True)):
            made[name] = Server(bundle, is_ours)
        yield made
    finally:
        for server in made.values():
            server.stop()


def measured(server: Server, bodies: Sequence[bytes], clients: int, seconds: float) -> dict[str, float]:
    """One server for some seconds."""
    before = server.cpu()
    load = closed_loop(server.port, server.path, bodies, clients, seconds)
    count = len(load.answered)
    return {
        "rate": count / load.seconds,
        "p50": load.quantile(0.5),
        "p99": load.quantile(0.99),
        "cpu": (server.cpu() - before) / count * 1e3,
        "failed": sum(map(len, load.latencies.values())) - count,
    }


def predict_cpu(bundle: Path, texts: Sequence[str]) -> float:
    """CPU ms a text of `predict` over a list, in throughput mode, in this process."""
    options = bert_runtime.Options(mode="throughput")
    with bert_runtime.load(bundle, options=options) as session:
        list(session.predict([{"text": text} for text in texts[:64]]))
        began = time.process_time()
        list(session.predict([{"text": text} for text in texts]))
        return (time.process_time() - began) / len(texts) * 1e3


def closed(bundle: Path, texts: Sequence[str], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """32 clients, both servers in turns."""
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    found = []
    with servers(bundle) as running:
        for server in running.values():
            closed_loop(server.port, server.path, bodies, CLIENTS, 1)
        for _ in range(rounds):
            row: dict[str, Any] = {name: measured(server, bodies, CLIENTS, seconds) for name, server in running.items()}
            row["predict"] = predict_cpu(bundle, texts)
            found.append(row)
            print(json.dumps(row), flush=True)
    return found


def one_client(bundle: Path, texts: Sequence[str], rounds: int) -> list[dict[str, float]]:
    """p50 of one client against direct calls of a session loaded as the server loads it, and as one caller would."""
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    found = []
    server = Server(bundle, is_ours=True)
    modes = {"direct": "serving", "direct latency mode": "latency"}
    sessions: dict[str, Any] = {
        name: bert_runtime.load(bundle, options=bert_runtime.Options(mode=mode)) for name, mode in modes.items()
    }
    try:
        for _ in range(rounds):
            row = {"http": closed_loop(server.port, server.path, bodies, 1, 3).quantile(0.5)}
            for name, session in sessions.items():
                row[name] = _direct(session, texts)
            found.append(row)
            print(json.dumps(row), flush=True)
    finally:
        server.stop()
        for session in sessions.values():
            session.close()
    return found


def _direct(session: Any, texts: Sequence[str]) -> float:
    times: list[float] = []
    for text in texts[:200]:
        began = time.perf_counter()
        session({"text": text})
        times.append(time.perf_counter() - began)
    median: float = statistics.median(times)
    return median * 1e3


def overload(bundle: Path, texts: Sequence[str], seconds: float) -> dict[str, Any]:
    """1.5 times the capacity, which is measured just before and after."""
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    server = Server(bundle, is_ours=True)
    try:
        before = _capacity(server, bodies)
        load = poisson(server.port, server.path, bodies, 1.5 * before, seconds)
        after = _capacity(server, bodies)
        refusal = _refusal_ms(server)
    finally:
        server.stop()
    refused = sorted(each for status, own in load.latencies.items() if status != 200 for each in own)
    rate = len(load.answered) / load.seconds
    return {
        "capacity before": before,
        "capacity after": after,
        "offered": 1.5 * before,
        "goodput": rate,
        "p99 ms": load.quantile(0.99),
        "bound ms": 2 * QUEUE / rate * 1e3,
        "statuses": {status: len(own) for status, own in load.latencies.items()},
        "refused in the server, mean ms": refusal,
        "refused p50 ms": refused[len(refused) // 2] * 1e3 if refused else None,
        "refused p99 ms": refused[int(0.99 * len(refused))] * 1e3 if refused else None,
    }


def _refusal_ms(server: Server) -> float | None:
    """The mean time of a refusal as the server itself measures it: the clients wait for their CPU as well."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if 'status="429"' in line and "bucket" not in line)
    totals = {key.partition("{")[0].rpartition("_")[2]: float(value) for key, value in found.items()}
    return totals["sum"] / totals["count"] * 1e3 if totals.get("count") else None


def _capacity(server: Server, bodies: Sequence[bytes]) -> float:
    load: Load = closed_loop(server.port, server.path, bodies, 2 * CLIENTS, 5)
    return len(load.answered) / load.seconds


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """The medians of the rounds' ratios."""

    def median(ratio: Callable[[Mapping[str, Any]], float]) -> float:
        return statistics.median(ratio(row) for row in rows)

    return (
        f"rate {median(lambda row: row['ours']['rate'] / row['plain']['rate']):.2f}x, "
        f"p99 {median(lambda row: row['ours']['p99'] / row['plain']['p99']):.2f}x, "
        f"CPU {median(lambda row: row['ours']['cpu'] / row['predict']):.2f}x of predict's"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("fp32", type=Path)
    parser.add_argument("int8", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--overload-seconds", type=float, default=60)
    parsed = parser.parse_args(arguments)
    few = short(512)
    cases = {
        "fp32 short": (parsed.fp32, few),
        "int8 short": (parsed.int8, few),
        "fp32 mixed": (parsed.fp32, mixed(512)),
    }
    found: dict[str, Any] = {"closed": {}}
    for name, (bundle, texts) in cases.items():
        found["closed"][name] = closed(bundle, texts, parsed.rounds, parsed.seconds)
        print(f"{name}: {summary(found['closed'][name])}", flush=True)
    found["one"] = one_client(parsed.int8, few, parsed.rounds)
    found["overload"] = {
        name: overload(bundle, few, parsed.overload_seconds)
        for name, bundle in (("fp32", parsed.fp32), ("int8", parsed.int8))
    }
    print(json.dumps(found["overload"], indent=1))
    print(save("serving", "text-classification-minilm-l6", available_cpus(), found))


if __name__ == "__main__":
    main()
