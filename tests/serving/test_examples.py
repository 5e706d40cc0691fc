"""Services of others with the batcher in them: each example answers, and says what is wrong with a request."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.serving.conftest import CLASSIFIER

ROOT = Path(__file__).parents[2]

UVICORN = ("-m", "uvicorn", "--app-dir", "examples", "--log-level", "error", "fastapi_service:app", "--port")
SERVICES = {"fastapi": (UVICORN, "answer"), "litserve": (("examples/litserve_service.py",), "predict")}


@pytest.mark.parametrize("name", SERVICES)
def test_the_example_answers(name: str) -> None:
    arguments, path = SERVICES[name]
    with _running([sys.executable, *arguments], _free_port()) as port:
        address = f"http://127.0.0.1:{port}/{path}"
        assert _asked(address, {"text": "a good film"})["labels"]
        with pytest.raises(urllib.error.HTTPError, match="422") as refused:
            _asked(address, {"txt": 1})
        assert "unknown field 'txt'" in json.loads(refused.value.read())["detail"][0]


@pytest.mark.parametrize("name", ["fastapi", "litserve", "ray_serve"])
def test_the_example_is_short(name: str) -> None:
    lines = (ROOT / f"examples/{name}_service.py").read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 34


@pytest.mark.slow
def test_the_example_with_ray_serve_answers(tmp_path: Path) -> None:
    """In a virtual environment of its own: Ray has 300 MB."""
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "bin/python"), "install", "--quiet"]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    subprocess.run([*pip, "ray[serve]", "numpy", "tokenizers", "onnxruntime"], check=True)
    command = [str(tmp_path / "bin/serve"), "run", "--app-dir", str(ROOT / "examples"), "ray_serve_service:app"]
    with _running(command, None):
        assert _asked("http://127.0.0.1:8000/", {"text": "a good film"})["labels"]
        with pytest.raises(urllib.error.HTTPError, match="422"):
            _asked("http://127.0.0.1:8000/", {"txt": 1})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], port: int | None) -> Iterator[int | None]:
    """A service with its port as the last argument, and its processes ended with it."""
    environment = {**os.environ, "BUNDLE": str(CLASSIFIER), "PYTHONPATH": str(ROOT / "runtime")}
    arguments = [*command, *([] if port is None else [str(port)])]
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _asked(address: str, body: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"content-type": "application/json"})
    for _ in range(900):
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            if error.code not in (404, 503):  # a service that begins may have no route yet
                raise
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not begin")
