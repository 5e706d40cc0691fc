"""A session in a process that was forked from its own: an error at once, never a wait; and its own goes on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden/v1/text-classification-sequence-packing"
PROGRAM = """
import os, sys
from bert_runtime import Options, load, BackendError
session = load(sys.argv[1], options=Options(sys.argv[2], threads=2, mode=sys.argv[3]))
requests = [{"text": "the film"}, {"text": "a"}] * 700
stream = session.predict(iter(requests))
before = [next(stream) for _ in range(5)]
child = os.fork()
if not child:
    told = []
    for ask in (lambda: session(requests[0]), lambda: list(session.predict(requests)), lambda: list(stream)):
        try:
            ask()
        except BackendError as error:
            told.append(str(error).partition(";")[0])
    session.close()
    with load(sys.argv[1], options=Options(sys.argv[2], threads=2, mode=sys.argv[3])) as own:
        told.append(len(list(own.predict(requests))))
    print(*told, sep="|", flush=True)
    sys.exit(0)
_, status = os.waitpid(child, 0)
print(status, 5 + len(list(stream)), len(list(session.predict(requests))), child and os.getpid(), sep="|")
session.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("mode", ["latency", "throughput"])
@pytest.mark.parametrize("target", ["cpu", "openvino"])
def test_a_forked_copy_is_refused_at_once_and_the_session_goes_on(target: str, mode: str) -> None:
    if target == "openvino" and importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    bundle = GOLDEN if target == "openvino" else GOLDEN.with_name("token-classification")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bundle), target, mode],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    child, parent = ran.stdout.splitlines()
    status, streamed, answered, pid = parent.split("|")
    refused = (
        f"the session was loaded in process {pid}, and this one was forked from it without the threads of its engine"
    )
    assert child.split("|") == [refused] * 3 + ["1400"]
    assert (status, streamed, answered) == ("0", "1400", "1400")
