"""A signal is never lost, a close loses no request, and neither waits for a client."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serving.clients import clients, lost
from tests.serving.conftest import CLASSIFIER, CLASSIFY, GOLDEN, Start

from bert_serve.listening import accept_again, refuse_new
from bert_serve.protocol import MOST_PIPELINED

SOON = 15
"""Seconds in which a process that closes has ended, on a machine that is busy with other tests."""

HEAD = f"POST {CLASSIFY} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n".encode()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_close_loses_no_request(start: Start, workers: str) -> None:
    running = start(str(CLASSIFIER), "--workers", workers, "--drain", "0.3")
    asking = clients(running.port, 8)
    _wait(lambda: all(len(client.statuses) > 5 for client in asking))
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < SOON
    assert lost(asking) == []


def test_a_signal_that_each_process_of_the_group_has_loses_no_request(start: Start) -> None:
    running = start(str(CLASSIFIER), "--workers", "2", "--drain", "0.3", group=True)
    asking = clients(running.port, 4)
    _wait(lambda: all(len(client.statuses) > 5 for client in asking))
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.process.wait(SOON) == 0
    assert lost(asking) == []


def test_a_socket_that_refuses_keeps_what_was_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with _connected(port) as early, socket.socket() as late:
            if not refuse_new(listening):
                pytest.skip("only a privileged user may set a filter here")
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.connect(("127.0.0.1", port))
            early.sendall(b"here")
            listening.settimeout(SOON)
            with listening.accept()[0] as taken:
                assert taken.recv(4) == b"here"
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()
            accept_again(listening)
            _connected(port).close()


def test_where_no_filter_may_be_set_a_close_goes_on() -> None:
    class Denied(socket.socket):
        def setsockopt(self, *_: Any) -> None:
            raise PermissionError(1, "Operation not permitted")

    with Denied() as listening:
        assert not refuse_new(listening)
        accept_again(listening)


def test_while_it_closes_it_is_not_ready_and_still_answers(start: Start) -> None:
    running = start(str(CLASSIFIER), "--drain", "1.5")
    running.process.send_signal(signal.SIGTERM)
    assert running.log(message="closing")
    reply = running.get("/health/ready")
    assert (reply.status, reply.json["error"]["code"]) == (503, "closing")
    answered = running.post(CLASSIFY, {"text": "a film"})
    assert (answered.status, answered.headers["connection"]) == (200, "close")
    assert running.process.wait(SOON) == 0


def test_a_signal_in_the_middle_of_a_line_of_the_log_is_not_lost() -> None:
    process, port = _begun("--drain", "0")
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    with contextlib.closing(asking), contextlib.suppress(TimeoutError):
        while True:  # nobody reads the log: at last its pipe is full, and the server stands within a write
            asking.request("GET", "/health/live")
            asking.getresponse().read()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert process.stderr is not None
    threading.Thread(target=process.stderr.read, daemon=True).start()
    assert _code(process) == 0


def _begun(*flags: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server whose log is buffered as a person's is, and read up to where it listens; and its port."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "bert_serve", str(CLASSIFIER), "--port", "0", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    assert process.stderr is not None
    line = next(line for line in process.stderr if b'"listening"' in line)
    return process, int(line.rpartition(b":")[2].partition(b'"')[0])


def test_clients_that_do_nothing_hold_up_no_close(start: Start) -> None:
    running = start(str(CLASSIFIER), "--drain", "0", "--body-timeout", "1")
    with contextlib.ExitStack() as stack:
        for sent in (b"", HEAD[:20], HEAD, HEAD + b'{"text": ', b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"):
            stack.enter_context(_connected(running.port)).sendall(sent)
        late = threading.Event()
        stack.callback(late.set)
        threading.Thread(target=_connect_again_and_again, args=(running.port, late), daemon=True).start()
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SOON) == 0
        assert time.monotonic() - began < SOON


def test_a_client_that_reads_nothing_holds_up_no_close(start: Start) -> None:
    running = start(str(CLASSIFIER), "--drain", "0", "--header-timeout", "1", "--timeout", "1", "--body-timeout", "1")
    with _connected(running.port, 4096) as silent:
        answered = -1
        while len(running.lines) > answered:  # until what was not read fills every buffer
            answered = len(running.lines)
            silent.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * MOST_PIPELINED)
            time.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SOON) == 0


def test_requests_without_end_on_one_connection_are_cut_off(start: Start) -> None:
    running = start(str(GOLDEN / "text-generation"))
    slow = b'{"prompt": "a", "max_new_tokens": 28, "eos": ""}'
    head = f"POST /v1/models/text-generation:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(slow)}\r\n\r\n"
    with _connected(running.port) as many, contextlib.suppress(ConnectionError):
        many.sendall((head.encode() + slow) * (MOST_PIPELINED + 2))
        received = b""
        while part := many.recv(65536):
            received += part
        assert received.count(b"HTTP/1.1 200") < MOST_PIPELINED
    assert running.get("/health/ready").status == 200


def test_tls_clients_that_do_nothing_hold_up_no_close(start: Start, certificate: Path) -> None:
    files = ["--tls-cert", str(certificate / "cert.pem"), "--tls-key", str(certificate / "key.pem")]
    running = start(str(CLASSIFIER), "--drain", "0", *files)
    context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    with contextlib.ExitStack() as stack:
        for sent in (b"", b"\x16\x03\x01\x02"):  # no handshake, and the first bytes of one
            stack.enter_context(_connected(running.port)).sendall(sent)
        connection = stack.enter_context(context.wrap_socket(_connected(running.port), server_hostname="localhost"))
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")  # it is kept, and its end is never answered
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SOON) == 0


def _connected(port: int, buffer: int = 0) -> socket.socket:
    made = socket.socket()
    if buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.settimeout(SOON)
    made.connect(("127.0.0.1", port))
    return made


def _connect_again_and_again(port: int, over: threading.Event) -> None:
    kept = []
    with contextlib.suppress(OSError):
        while not over.is_set():
            kept.append(_connected(port))
            time.sleep(0.002)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_at_any_moment_of_its_beginning_ends_it(workers: str) -> None:
    """Processes that are told to end after 0 to 1.5 s; those that were serving end with 0."""
    draw = random.Random(int(workers))
    for _ in range(8):
        command = [sys.executable, "-m", "bert_serve", str(CLASSIFIER), "--port", "0", "--drain", "0"]
        process = subprocess.Popen([*command, "--workers", workers], stderr=subprocess.PIPE)
        time.sleep(draw.random() * 1.5)
        number = draw.choice([signal.SIGTERM, signal.SIGINT])
        process.send_signal(number)
        code, told = _code(process), process.communicate()[1].decode()
        if "KeyboardInterrupt" in told:  # Python itself had not begun
            assert "bert_serve/command.py" not in told
        else:
            assert code in (0, 128 + number, -number), (code, told)


def _code(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(SOON)
    finally:
        process.kill()


DROPPED = """
import signal, sys, weakref

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy" and not self.is_done:
            self.is_done = True
            kept = weakref.ref(thing := Finder(), lambda _: signal.raise_signal(signal.SIGTERM))
            del thing
    is_done = False

sys.meta_path.insert(0, Finder())
from bert_serve.cli import main
sys.exit(main())
"""
"""A signal within a callback while the command imports: Python drops what its handler raises."""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_that_python_drops_while_the_command_imports_ends_it(workers: str) -> None:
    arguments = [str(CLASSIFIER), "--port", "0", "--workers", workers]
    process = subprocess.Popen([sys.executable, "-c", DROPPED, *arguments], stderr=subprocess.PIPE)
    assert _code(process) == 128 + signal.SIGTERM
    assert b"Exception ignored" in process.communicate()[1]


FORKS = """
import os, signal, socket, sys, time
from bert_serve.end_signals import EndSignals
from bert_serve.supervisor import Supervisor
from pathlib import Path

fork, where = os.fork, sys.argv[1]

def fork_and_signal():
    pid = fork()
    if (pid == 0) == (where == "child"):
        os.kill(os.getpid(), signal.SIGTERM)
    return pid

os.fork = fork_and_signal
print("begun", flush=True)
supervisor = Supervisor(1, lambda _: time.sleep(60), socket.socket(), Path(sys.argv[2]))
print(supervisor.run(EndSignals()))
"""


@pytest.mark.parametrize("where", ["parent", "child"])
def test_a_signal_between_a_fork_and_its_note_reaches_the_worker(where: str, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", FORKS, where, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    if where == "child":  # it ends, and is begun again, which ends as well: until its supervisor is told
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
    assert _code(process) == 0


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    for workers in ("1", "2"):
        running = start(str(CLASSIFIER), "--workers", workers, "--drain", "60")
        running.process.send_signal(signal.SIGTERM)
        assert running.log(message="closing")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SOON) == 0


def test_workers_end_with_a_supervisor_that_was_killed(start: Start) -> None:
    running = start(str(CLASSIFIER), "--workers", "2", "--drain", "0")
    _wait(lambda: len(running.log(message="listening")) == 2)
    running.process.kill()
    _wait(lambda: len(running.log(message="closed")) == 2)


IN_A_CALLBACK = """
import signal, sys, weakref

from bert_serve.end_signals import EndSignals

class Thing:
    pass

sys.unraisablehook = lambda _: None
signal.signal(signal.SIGTERM, signal.default_int_handler)
signals = EndSignals()
thing = Thing()
reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
del thing
assert reference() is None
print("its callback met the signal, and Python dropped what it raised")
try:
    signals.pass_to(lambda *_: None)
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_a_signal_whose_exception_came_to_nothing_still_ends_the_beginning() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.count("dropped")) == (7, 1), done.stderr


def _wait(holds: Callable[[], Any]) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")
