"""Mixed tasks and clients that go away, for minutes: nothing wrong, lost or crossed, and nothing that grows.

BERT_SERVE_SOAK_SECONDS says how long; `make soak` runs three minutes.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.serving.conftest import GOLDEN, TASKS, Running, Start
from tests.serving.test_predict import flat

from bert_runtime import load
from bert_runtime.record_writers import to_json

SECONDS = float(os.environ.get("BERT_SERVE_SOAK_SECONDS", "180"))
CLIENTS = 12
GROWTH = 1.02


@dataclass(frozen=True)
class Use:
    """What a process has: KiB that are resident, threads, and open files."""

    resident: int
    threads: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Use:
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(status["VmRSS"].split()[0]), int(status["Threads"]), files)


@dataclass
class Tally:
    """What the clients saw."""

    right: int = 0
    wrong: list[Any] = field(default_factory=list)
    gone: int = 0
    refused: int = 0
    late: int = 0


Case = tuple[str, dict[str, Any], list[Any]]


def cases() -> list[Case]:
    """Requests of every task, and what the answer's values are."""
    found: list[Case] = []
    for task in TASKS:
        with load(GOLDEN / task) as session:
            for request in session.task.examples_for(session.text):
                own = dict(request) | ({"max_new_tokens": 6, "num_beams": 1} if task == TASKS[-1] else {})
                own.pop("num_return_sequences", None)
                try:
                    found.append((task, own, list(flat(to_json(session(own))))))
                except ValueError:  # too long for a bundle as small as this
                    continue
    return found


def client(running: Running, asked: list[Case], seed: int, until: float, tally: Tally) -> None:
    draw = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    while time.monotonic() < until:
        task, request, expected = draw.choice(asked)
        body = json.dumps(request)
        if draw.random() < 0.1:
            _leave(running, task, body, draw)
            tally.gone += 1
            continue
        connection.request("POST", f"/v1/models/{task}:predict", body)
        reply = connection.getresponse()
        content = reply.read()
        if reply.status == 429:
            tally.refused += 1
        elif reply.status == 504:
            tally.late += 1  # on CPUs that others use, a deadline may pass: the client is told so
        elif reply.status == 200 and list(flat(json.loads(content))) == expected:
            tally.right += 1
        else:
            tally.wrong.append((task, request, reply.status, content[:300]))
    connection.close()


def _leave(running: Running, task: str, body: str, draw: random.Random) -> None:
    """Go away before the answer, or even before the end of the request."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as gone:
        head = (
            f"POST /v1/models/{task}:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        gone.sendall(head[: draw.randrange(1, len(head) + 1)])
        time.sleep(draw.random() * 0.005)


@pytest.mark.slow
def test_minutes_of_mixed_tasks_lose_nothing_and_grow_nothing(start: Start) -> None:
    asked = cases()
    assert {task for task, _, _ in asked} == set(TASKS)
    running = start(*(str(GOLDEN / task) for task in TASKS), "--log", "nothing", "--max-items", "64", "--queue", "64")
    tally, began = Tally(), time.monotonic()
    threads = [
        threading.Thread(target=client, args=(running, asked, seed, began + SECONDS, tally)) for seed in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS / 3)  # warm: every shape was met, and the allocator has what it needs
    warm = Use.of(running.process.pid)
    for thread in threads:
        thread.join()
    time.sleep(2)
    end = Use.of(running.process.pid)
    print(tally.right, "right,", tally.gone, "gone,", tally.refused, "refused,", tally.late, "late;", warm, end)
    assert not tally.wrong, tally.wrong[:3]
    assert tally.right > 10 * SECONDS
    assert tally.late < tally.right / 1000
    assert end.resident < warm.resident * GROWTH
    assert end.threads == warm.threads
    assert end.files <= warm.files
