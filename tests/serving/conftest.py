"""A server in a process of its own, with small real bundles of every task, and what talks to it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bundles import write_bundle
from tests.spoilt import spoil
from tests.without_exporter import skip_without_exporter

from bert_runtime import bundle as bundles
from bert_runtime.tasks.task import HeadSettings

GOLDEN = Path(__file__).parents[1] / "golden/v1"
CLASSIFIER = GOLDEN / "text-classification"
CLASSIFY = "/v1/models/text-classification:predict"
TASKS = (
    "text-classification",
    "token-classification",
    "question-answering",
    "fill-mask",
    "feature-extraction",
    "next-sentence-prediction",
    "multiple-choice",
    "pretraining",
    "text-generation",
)


@dataclass
class Reply:
    """An answer of HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server that runs, and the lines of its log."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)
    certificate: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request; a body that is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, content, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Reply:
        return self.ask("POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.ask("GET", path, None, headers)

    def log(self, **fields: object) -> list[dict[str, Any]]:
        """The events with these fields, once one is there."""
        for _ in range(100):
            events = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
            found = [event for event in events if all(event.get(name) == value for name, value in fields.items())]
            if found:
                return found
            time.sleep(0.02)
        return []

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop, and wait; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


Start = Callable[..., Running]


def start_server(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, wait: float = 60, group: bool = False
) -> Running:
    """A server on a port of its own, once it listens; in a group of processes of its own, where it is to be so."""
    command = [sys.executable, "-m", "bert_serve", *arguments, "--port", "0"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        start_new_session=group,
    )
    running = Running(process, 0)
    assert process.stderr is not None
    threading.Thread(target=_keep, args=(running,), daemon=True).start()
    until = time.monotonic() + wait
    while time.monotonic() < until and process.poll() is None:
        for line in list(running.lines):
            if '"listening"' in line:
                running.port = int(json.loads(line)["address"].rpartition(":")[2])
                return running
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"the server did not begin: {''.join(running.lines)}")


def _keep(running: Running) -> None:
    assert running.process.stderr is not None
    for line in running.process.stderr:
        running.lines.append(line)


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden text classification with the first of its labels alone."""
    skip_without_exporter()
    import onnx
    from onnx import helper, numpy_helper

    golden = bundles.read(GOLDEN / "text-classification")
    model = onnx.load(golden.directory / "model.onnx")
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["all_logits" if name == output.name else name for name in node.output]
    output.type.tensor_type.shape.dim[1].dim_value = 1
    bounds = [numpy_helper.from_array(np.array([n], np.int64), name) for n, name in ((0, "at"), (1, "one"))]
    model.graph.initializer.extend(bounds)
    model.graph.node.append(helper.make_node("Slice", ["all_logits", "at", "one", "one"], [output.name]))
    manifest = replace(
        golden.manifest,
        settings=HeadSettings(labels=("relevance",), problem_type="single_label_classification", activation="sigmoid"),
        sizes={**golden.manifest.sizes, "labels": 1},
    )
    files: dict[str, bytes | Path] = {file: golden.directory / file for file in golden.manifest.files}
    files["model.onnx"] = model.SerializeToString()
    return write_bundle(tmp_path_factory.mktemp("served") / "reranker", manifest, files)


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text classification whose engine refuses one word, and gives another what is no number."""
    return spoil("text-classification", tmp_path_factory.mktemp("served") / "spoilt")


@pytest.fixture(scope="session")
def server(cross_encoder: Path, spoilt: Path) -> Iterator[Running]:
    """Every task, under its own name; and `reranker` and `spoilt`."""
    running = start_server(
        [
            *(str(GOLDEN / task) for task in TASKS),
            str(cross_encoder),
            str(spoilt),
            *("--max-body", "20000", "--max-items", "16", "--body-timeout", "1", "--header-timeout", "1"),
        ]
    )
    yield running
    assert running.stop() == 0


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers that end with the test."""
    begun: list[Running] = []

    def begin(*arguments: str, environment: Mapping[str, str] | None = None, group: bool = False) -> Running:
        begun.append(start_server(arguments, environment, group=group))
        return begun[-1]

    yield begin
    for running in begun:
        running.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate of `localhost`, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder
