"""How long an export takes and how much memory: `python -m benchmarks.export_time [--model DIR] [--runs N]`.

Measurements: one {"seconds", "stages", "peak_mib"} for each run: wall time of the whole command, stage -> seconds as
its own report has them, and the peak of its resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.checkpoints import random_checkpoint
from benchmarks.latency import WORK
from benchmarks.results import save
from benchmarks.workload import Model


def timed_export(model: Model, checkpoint: Path) -> dict[str, Any]:
    """Run the command once.

    Raises:
        RuntimeError: it failed; its message is on standard error.
    """
    command = [str(Path(sys.executable).parent / "bert-export"), "--model", str(checkpoint), "--task", model.task]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as report:
        began = time.perf_counter()
        process = subprocess.Popen([*command, "--output", f"{folder}/bundle", "--json"], stdout=report)
        _, status, usage = os.wait4(process.pid, 0)  # the only way to one child's own peak
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"bert-export ended with {process.returncode}, expected 0")
        report.seek(0)
        stages = {name: round(spent, 3) for name, spent in json.load(report)["seconds"].items()}
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "stages": stages,
        "peak_mib": round(usage.ru_maxrss / 1024),  # Linux gives KiB
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--model", default="question-answering-minilm-l6", help="TASK-SIZE, with random weights")
    flags.add_argument("--runs", type=int, default=3)
    parsed = flags.parse_args(arguments)
    model = Model.parse(parsed.model)
    checkpoint = random_checkpoint(model, WORK / model.name / "checkpoint")
    measurements = [timed_export(model, checkpoint) for _ in range(parsed.runs)]
    threads = len(os.sched_getaffinity(0))
    print(save("export_time", model.name, threads, measurements), file=sys.stderr)


if __name__ == "__main__":
    main()
