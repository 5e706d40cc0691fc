"""What operations need: health, figures, traces, bundles loaded again, overload, workers that die."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.serving.clients import clients, lost
from tests.serving.conftest import CLASSIFIER, CLASSIFY, GOLDEN, Running, Start

from bert_serve.trace_context import TraceContext


def test_health_and_figures_are_told(server: Running) -> None:
    assert server.get("/health/live").json == {"status": "live"}
    assert server.get("/health/ready").json == {"status": "ready"}
    before = figures(server)
    server.post(CLASSIFY, {"instances": ["a film"] * 5 + [1]})
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
    reply = server.post(CLASSIFY, {"text": "a"}, {"traceparent": f"00-{trace}-{span}-01"})
    version, told, own, flags = reply.headers["traceparent"].split("-")
    assert (version, told, flags) == ("00", trace, "01")
    assert own != span
    (event,) = server.log(trace_id=trace)
    assert (event["parent_id"], event["span_id"], event["model"]) == (span, own, "text-classification")
    assert server.post(CLASSIFY, {"text": "a"}).headers["traceparent"] != reply.headers["traceparent"]


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


def test_bundles_are_loaded_again_without_an_error(start: Start, tmp_path: Path) -> None:
    bundle = tmp_path / "text-classification"
    shutil.copytree(CLASSIFIER, bundle)
    running = start(str(bundle))
    before = running.post(CLASSIFY, {"text": "a good film"}).json
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
    assert running.post(CLASSIFY, {"text": "a good film"}).status == 200
    for client in asking:
        client.stopped.set()
    assert lost(asking) == []


def _replace(bundle: Path, source: Path) -> None:
    fresh = bundle.with_name("fresh")
    shutil.copytree(source, fresh)
    bundle.rename(bundle.with_name(f"old-{time.monotonic_ns()}"))
    fresh.rename(bundle)


def _is_answered_by(running: Running, source: Path, first: Any) -> bool:
    same = running.post(CLASSIFY, {"text": "a good film"}).json == first
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
        assert running.post(CLASSIFY, {"text": "a"}).status == 200
    told = figures(running)
    assert told['bert_requests_total{model="text-classification",outcome="answered"}'] == 20
    for number, begun in ((signal.SIGKILL, 3), (signal.SIGTERM, 4)):
        before = workers()
        os.kill(before[0], number)
        assert _until(lambda begun=begun: len(running.log(message="listening")) == begun)
        assert len(set(workers()) - set(before)) == 1
        for _ in range(10):
            assert running.post(CLASSIFY, {"text": "a"}).status == 200
