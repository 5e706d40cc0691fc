"""`bert-run` in a process of its own for each command, forked from one that has imported all it needs.

Started anew, such a process imports for as long as it works, and the tests of this folder start hundreds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn


class ForkedCommand:
    """Runs `bert-run` as a shell would, without its imports."""

    def __init__(self) -> None:
        questions, self._asked = os.pipe()
        told, answers = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cpp.forked", str(questions), str(answers)],
            pass_fds=(questions, answers),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        )
        os.close(questions)
        os.close(answers)
        self._answers = os.fdopen(told)

    def __call__(self, *arguments: str, text: str = "") -> tuple[int, str, str]:
        """Exit code, standard output, standard error; `text` is its standard input."""
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder) / name for name in ("in", "out", "err")]
            streams[0].write_bytes(text.encode())
            question = {"arguments": arguments, "streams": list(map(str, streams)), "folder": str(Path.cwd())}
            os.write(self._asked, json.dumps(question).encode() + b"\n")
            code = int(self._answers.readline())
            return code, streams[1].read_text(encoding="utf-8"), streams[2].read_text(encoding="utf-8")

    def close(self) -> None:
        """End the process that is forked from."""
        os.close(self._asked)
        self._process.wait()
        self._answers.close()


def serve(questions: int, answers: int) -> None:
    """Fork for each line of one pipe, and write the exit code to the other."""
    import onnxruntime  # noqa: F401

    import bert_runtime.cli
    import bert_runtime.loading  # noqa: F401

    with os.fdopen(questions) as asked, os.fdopen(answers, "w", buffering=1) as told:
        for line in asked:
            child = os.fork()
            if child == 0:
                run(**json.loads(line))
            told.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")


def run(arguments: Sequence[str], streams: Sequence[str], folder: str) -> NoReturn:
    """The command with its three standard streams, and the end of this process."""
    from bert_runtime.cli import main

    code = 1
    try:
        os.chdir(folder)
        for number, path in enumerate(streams):
            os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
        code = main(arguments)
    except BaseException:  # what Python would print at the end of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
