"""A batcher in a process that was forked from its own: an error at once, never a wait; and its own goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.runtime.serving.conftest import GOLDEN

PROGRAM = """
import os, sys
from bert_runtime import Options, load, BackendError
from bert_runtime.serving import Batcher
options = Options(threads=2, mode=sys.argv[2])
batcher = Batcher(load(sys.argv[1], options=options))
before = [batcher.submit("a film") for _ in range(50)]
child = os.fork()
if not child:
    told = []
    for ask in (lambda: batcher.submit("a"), lambda: batcher.swap(batcher.session), lambda: batcher.drain()):
        try:
            ask()
        except BackendError as error:
            told.append(str(error).partition(";")[0])
    batcher.close()
    with Batcher(load(sys.argv[1], options=options)) as own:
        told.append(len(own.submit("a film").result(30).labels))
    print(*told, sep="|", flush=True)
    sys.exit(0)
_, status = os.waitpid(child, 0)
print(status, sum(len(future.result(30).labels) for future in before), len(batcher.submit("a").result(30).labels))
batcher.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("mode", ["latency", "throughput", "serving"])
def test_a_forked_copy_is_refused_at_once_and_the_batcher_goes_on(mode: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(GOLDEN / "text-classification"), mode],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    child, parent = ran.stdout.splitlines()
    *refusals, labels = child.split("|")
    assert len(refusals) == 3
    assert all("this one was forked from it without the threads" in told for told in refusals)
    assert labels == "3"
    assert parent == "0 150 3"


def test_a_program_that_forgets_its_batcher_ends() -> None:
    program = (
        "import sys; from bert_runtime import Options, load; from bert_runtime.serving import Batcher\n"
        "batcher = Batcher(load(sys.argv[1], options=Options(mode='serving')))\n"
        "print(len(batcher.submit('a').result(30).labels))"
    )
    command = [sys.executable, "-c", program, str(GOLDEN / "text-classification")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "3\n", "")
