"""What operations need: health, figures, traces, keys, TLS, a close that loses nothing, bundles loaded again."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.serving.conftest import GOLDEN, Running, Start, start_server

from bert_runtime.errors import InputError
from bert_serve.command import parse
from bert_serve.trace_context import TraceContext

pytestmark = pytest.mark.slow  # servers in processes of their own: under a busy suite their end is late at times

CLASSIFIER = GOLDEN / "text-classification"
PREDICT = "/v1/models/text-classification:predict"


def test_health_and_figures_are_told(server: Running) -> None:
    assert server.get("/health/live").json == {"status": "live"}
    assert server.get("/health/ready").json == {"status": "ready"}
    before = figures(server)
    server.post(PREDICT, {"instances": ["a film"] * 5 + [1]})
    after = figures(server)

    def grown(name: str, **labels: str) -> float:
        key = name + "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}"
        return after.get(key, 0) - before.get(key, 0)

    model = "text-classification"
    assert grown("bert_requests_total", model=model, outcome="answered") == 5
    assert grown("bert_requests_total", model=model, outcome="refused") == 1
    assert grown("bert_tokens_total", model=model) == 5 * 4
    assert grown("bert_batch_rows_sum", model=model) == 5
    assert grown("bert_batch_fill_count", model=model) == grown("bert_batch_tokens_count", model=model) >= 1
    for stage in ("queued", "encoded", "gathered", "ran"):
        assert grown("bert_request_stage_seconds_count", model=model, stage=stage) == 5
    route = "/v1/models/{name}:predict"
    assert grown("bert_http_request_seconds_count", route=route, status="200") == 1
    assert grown("bert_http_problems_total", route=route, code="invalid_request") == 1
    assert after['bert_queue_waiting{model="text-classification"}'] == 0


def figures(server: Running) -> dict[str, float]:
    lines = server.get("/metrics").body.decode().splitlines()
    return {key: float(value) for key, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


def test_a_trace_is_passed_on_and_logged(server: Running) -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    reply = server.post(PREDICT, {"text": "a"}, {"traceparent": f"00-{trace}-{span}-01"})
    version, told, own, flags = reply.headers["traceparent"].split("-")
    assert (version, told, flags) == ("00", trace, "01")
    assert own != span
    (event,) = server.log(trace_id=trace)
    assert (event["parent_id"], event["span_id"], event["model"]) == (span, own, "text-classification")
    assert server.post(PREDICT, {"text": "a"}).headers["traceparent"] != reply.headers["traceparent"]


@pytest.mark.parametrize(
    "header",
    [
        *(
            b"",
            b"x",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            b"ff-" + b"4" * 32 + b"-" + b"4" * 16 + b"-01",
        ),
        *(b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", b"00-" + b"4" * 32 + b"-" + b"0" * 16 + b"-01"),
        *(b"00-" + b"4" * 32 + b"-" + b"4" * 16 + b"-01-more", b"00-" + b"A" * 32 + b"-" + b"4" * 16 + b"-01"),
    ],
)
def test_a_header_that_breaks_the_standard_begins_a_new_trace(header: bytes) -> None:
    made = TraceContext.of(header)
    assert (len(made.trace_id), len(made.span_id), made.parent_id) == (32, 16, "")


def test_only_who_shows_a_key_may_ask(start: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# the first team\nabcdefgh12345678\n")
    running = start(
        str(CLASSIFIER), "--api-keys", str(keys), environment={"BERT_SERVE_API_KEYS": "other-key-000, third-key-000"}
    )
    for headers in ({}, {"authorization": "Bearer abcdefgh1234567"}, {"x-api-key": ""}, {"authorization": "Basic x"}):
        reply = running.post(PREDICT, {"text": "a"}, headers)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    for headers in (
        {"authorization": "Bearer abcdefgh12345678"},
        {"authorization": "bearer third-key-000"},
        {"x-api-key": "other-key-000"},
    ):
        assert running.post(PREDICT, {"text": "a"}, headers).status == 200
    assert running.get("/health/ready").status == 200
    assert running.get("/metrics").status == 401
    assert not [line for line in running.lines if "key-000" in line or "abcdefgh" in line]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_tls_is_spoken_with_the_certificate_that_was_named(start: Start, certificate: Path) -> None:
    files = ["--tls-cert", str(certificate / "cert.pem"), "--tls-key", str(certificate / "key.pem")]
    running = start(str(CLASSIFIER), *files, "--tls-client-ca", str(certificate / "cert.pem"))
    context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):  # it shows no certificate of its own
        _get(running, context)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    assert _get(running, context) == b'{"status":"ready"}'


def _get(running: Running, context: ssl.SSLContext) -> bytes:
    with urllib.request.urlopen(f"https://localhost:{running.port}/health/ready", timeout=10, context=context) as reply:
        content: bytes = reply.read()
        return content


class Client(threading.Thread):
    """Asks without a pause on a connection that it keeps, until it cannot connect any more."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self._port = port
        self.stopped = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self.stopped.is_set():
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                return  # nobody listens any more: nothing was accepted
            try:
                connection.request("POST", PREDICT, json.dumps({"text": "a good film " * 3}))
                reply = connection.getresponse()
                reply.read()
                self.statuses.append(reply.status)
                if reply.getheader("connection") == "close":
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return


def clients(port: int, count: int) -> list[Client]:
    made = [Client(port) for _ in range(count)]
    for client in made:
        client.start()
    return made


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_close_loses_no_request(start: Start, workers: str) -> None:
    running = start(str(CLASSIFIER), "--workers", workers, "--drain", "0.5")
    asking = clients(running.port, 8)
    time.sleep(0.8)
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 10
    for client in asking:
        client.join(30)
    assert [client.lost for client in asking] == [[]] * 8
    assert {status for client in asking for status in client.statuses} == {200}
    assert all(len(client.statuses) > 5 for client in asking)


def test_while_it_closes_it_is_not_ready_and_still_answers(start: Start) -> None:
    running = start(str(CLASSIFIER), "--drain", "1.5")
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    reply = running.get("/health/ready")
    assert (reply.status, reply.json["error"]["code"]) == (503, "closing")
    answered = running.post(PREDICT, {"text": "a film"})
    assert (answered.status, answered.headers["connection"]) == (200, "close")
    assert running.process.wait(20) == 0


def test_bundles_are_loaded_again_without_an_error(start: Start, tmp_path: Path) -> None:
    bundle = tmp_path / "text-classification"
    shutil.copytree(CLASSIFIER, bundle)
    running = start(str(bundle))
    before = running.post(PREDICT, {"text": "a good film"}).json
    asking = clients(running.port, 4)
    other = GOLDEN / "text-classification-tokenizer-settings"
    for source in (other, CLASSIFIER, other):
        time.sleep(0.2)
        _replace(bundle, source)
        running.process.send_signal(signal.SIGHUP)
        assert _until(lambda wanted=source: _is_answered_by(running, wanted, before))
    (bundle / "manifest.json").write_text("{}")  # what cannot be loaded leaves the old one in its place
    running.process.send_signal(signal.SIGHUP)
    assert _until(lambda: any("was not loaded again" in line for line in running.lines))
    assert running.post(PREDICT, {"text": "a good film"}).status == 200
    for client in asking:
        client.stopped.set()
        client.join(30)
    assert [client.lost for client in asking] == [[]] * 4
    assert {status for client in asking for status in client.statuses} == {200}


def _replace(bundle: Path, source: Path) -> None:
    fresh = bundle.with_name("fresh")
    shutil.copytree(source, fresh)
    bundle.rename(bundle.with_name(f"old-{time.monotonic_ns()}"))
    fresh.rename(bundle)


def _is_answered_by(running: Running, source: Path, first: Any) -> bool:
    same = running.post(PREDICT, {"text": "a good film"}).json == first
    return bool(same == (source == CLASSIFIER))


def _until(holds: Any) -> bool:
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_a_full_queue_is_told_at_once_with_the_seconds_to_wait(start: Start) -> None:
    running = start(str(GOLDEN / "question-answering"), "--queue", "4", "--max-items", "4", "--threads", "1")
    body = {"question": "the film", "context": "a good film the bad " * 400}
    replies: list[Any] = []
    asked = [
        threading.Thread(target=lambda: replies.append(running.post("/v1/models/question-answering:predict", body)))
        for _ in range(24)
    ]
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join()
    refused = [reply for reply in replies if reply.status == 429]
    assert {reply.status for reply in replies} == {200, 429}
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert all("requests are waiting" in reply.json["error"]["message"] for reply in refused)
    assert figures(running)['bert_rejections_total{cause="overloaded",model="question-answering"}'] == len(refused)


def test_a_request_that_takes_too_long_ends_in_time(start: Start) -> None:
    running = start(str(GOLDEN / "text-generation"), "--timeout", "0.002")
    reply = running.post("/v1/models/text-generation:predict", {"prompt": "a", "max_new_tokens": 28, "eos": ""})
    assert (reply.status, reply.json["error"]["code"]) == (504, "deadline")


def test_a_worker_that_dies_is_begun_again_and_figures_are_of_all(start: Start) -> None:
    running = start(str(CLASSIFIER), "--workers", "2")
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")

    def workers() -> list[int]:
        return [int(pid) for pid in children.read_text().split()]

    assert _until(lambda: len(running.log(message="listening")) == 2)
    for _ in range(20):
        assert running.post(PREDICT, {"text": "a"}).status == 200
    told = figures(running)
    assert told['bert_requests_total{model="text-classification",outcome="answered"}'] == 20
    before = workers()
    os.kill(before[0], signal.SIGKILL)
    assert _until(lambda: len(running.log(message="listening")) == 3)
    assert len(set(workers()) - set(before)) == 1
    assert running.post(PREDICT, {"text": "a"}).status == 200


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    shutil.copytree(CLASSIFIER, tmp_path / "broken")
    (tmp_path / "broken" / "manifest.json").write_text("{}")
    return tmp_path / "broken"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bundle_that_cannot_be_loaded_ends_the_command(broken: Path, workers: str) -> None:
    with pytest.raises(AssertionError, match="the server did not begin") as told:
        start_server([str(CLASSIFIER), str(broken), "--workers", workers])
    assert "manifest.json" in str(told.value)


def test_a_port_that_is_taken_is_named(server: Running) -> None:
    command = ["python", "-m", "bert_serve", str(CLASSIFIER), "--port", str(server.port)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert f"127.0.0.1:{server.port}" in ran.stderr


WRONG = {
    "no bundle": ([], "got no bundle, expected one directory at least"),
    "two of a name": (["a", "x/a"], "two bundles are called 'a'"),
    "a name that is none": (["ä b=dir"], "the model's name is 'ä b', expected letters"),
    "a queue too small": (["a", "--queue", "5"], "limits.items is 128 with a queue of 5"),
    "half a certificate": (["a", "--tls-cert", "x"], "--tls-key is missing"),
    "an unknown flag": (["a", "--prot", "1"], "did you mean --port?"),
    "a port beyond": (["a", "--port", "70000"], "port is 70000, expected 0 to 65535"),
    "an unknown target": (["a", "--target", "cpo"], "did you mean cpu?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_flags_are_told(case: str) -> None:
    arguments, told = WRONG[case]
    with pytest.raises(InputError) as error:
        parse(arguments, {})
    assert told in str(error.value)


def test_short_keys_are_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 API keys are no 8 printable ASCII characters"):
        parse(["a"], {"BERT_SERVE_API_KEYS": "short,long-enough-key"})
