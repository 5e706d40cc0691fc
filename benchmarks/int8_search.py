"""What the search for mixed precision makes of real heads, by one or more versions of the code.

    python -m benchmarks.int8_search --heads rampart --code before=../before --code now=.

For each head an fp32 bundle is made once. Each version then quantises it, for each variant, with the same samples and
the same accuracy constraint; its bundle answers samples that neither calibrated nor judged: those of the test set, and
"alike": the rest of the file that the samples are an even choice of. Measurements: {"head", "variant", "code",
"labelled", "samples", "max_drop", "refused", "seconds", "cpu_seconds", "kept", "operators", "trials", "speed", "size",
"verdict", "agreement", "change", "alike"}: seconds are of the whole command, `speed` is what it measured against fp32,
`verdict` what it said; `agreement` with fp32 and the paired `change` of the head's own metric are of the test samples,
`alike` holds both for the others.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.held_out import write_lines

import bert_runtime
from benchmarks.accuracy_heads import HEADS, MeasuredHead
from benchmarks.results import save
from bert_calibration.quality import agreement, difference, measure_of
from bert_calibration.samples import Samples, read_samples
from bert_runtime.cpus import available_cpus

FOLDER = Path("build/benchmarks/int8_search")

VARIANTS: Mapping[str, tuple[str, ...]] = {
    "cpu performance": ("--target", "cpu", "--preset", "performance"),
    "cpu accuracy": ("--target", "cpu", "--preset", "accuracy"),
    "openvino accuracy": ("--target", "openvino", "--preset", "accuracy"),
    "openvino performance": ("--target", "openvino", "--preset", "performance"),
}
REQUESTS = {"question", "context", "text", "text_pair", "prompt", "choices", "aggregation", "next_text"}
"""The keys of a line that are no gold."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and keep the result of each head as it ends."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    flags.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS)[:3])
    flags.add_argument("--code", action="append", required=True, metavar="NAME=TREE")
    flags.add_argument("--unlabelled", action="store_true", help="leave the gold of the calibration samples out")
    flags.add_argument("--samples", type=int, default=320)
    flags.add_argument("--tests", type=int, default=400)
    flags.add_argument("--alike", type=int, default=1000)
    flags.add_argument("--max-drop", type=float, default=0.02)
    flags.add_argument("--flag", action="append", default=[], help="one more for bert-export")
    flags.add_argument("--name", default="", help="a suffix of the result's name")
    parsed = flags.parse_args(arguments)
    codes = dict(code.split("=", 1) for code in parsed.code)
    for head in parsed.heads:
        folder = FOLDER / head
        folder.mkdir(parents=True, exist_ok=True)
        test, calibration, alike = _files(HEADS[head], folder, parsed)
        rows = []
        fp32 = _fp32(HEADS[head], folder / "fp32")
        for variant in parsed.variants:
            for code, tree in codes.items():
                arguments = [*VARIANTS[variant], *_constraint(calibration, parsed)]
                row = _measured(fp32, (test, alike), arguments, Path(tree), folder)
                about = {"labelled": not parsed.unlabelled, "samples": parsed.samples, "max_drop": parsed.max_drop}
                rows.append({"head": head, "variant": variant, "code": code, **about, **row})
                print(json.dumps({key: value for key, value in rows[-1].items() if key != "trials"}), flush=True)
        save("int8_search", f"{head}{parsed.name}", available_cpus(), rows)


def _constraint(calibration: Path, parsed: argparse.Namespace) -> list[str]:
    return ["--calibrate", str(calibration), "--max-drop", str(parsed.max_drop), *parsed.flag]


def _files(head: MeasuredHead, folder: Path, parsed: argparse.Namespace) -> tuple[Path, Path, Path | None]:
    """The test samples, those to calibrate and judge on, and others from the same file as these, None for none.

    Where the file has too few, the last test samples are added to it.
    """
    tests, lines = head.test(), head.calibration()
    lines = [*lines, *tests[len(tests) - max(0, parsed.samples - len(lines)) :]]
    chosen = {i * len(lines) // parsed.samples for i in range(parsed.samples)}
    given = [lines[i] for i in sorted(chosen)]
    known = {_request(line) for line in (*given, *tests[: parsed.tests])}
    rest = [line for line in {_request(line): line for line in lines}.values() if _request(line) not in known]
    rest = [rest[i * len(rest) // parsed.alike] for i in range(parsed.alike)] if len(rest) > parsed.alike else rest
    if parsed.unlabelled:
        given = [{key: value for key, value in line.items() if key in REQUESTS} for line in given]
    test = write_lines(tests[: parsed.tests], folder / "test.jsonl")
    alike = write_lines(rest, folder / "alike.jsonl") if rest else None
    return test, write_lines(given, folder / "calibration.jsonl"), alike


def _request(line: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in line.items() if key in REQUESTS}, sort_keys=True)


def _fp32(head: MeasuredHead, output: Path) -> Path:
    """The bundle that all versions quantise, made once."""
    if not output.exists():
        targets = ("--target", "cpu", "--target", "openvino")
        command = ["-m", "bert_export.cli", "--task", head.task, *head.source(), *targets, "-o", str(output)]
        subprocess.run([sys.executable, *command, "--quiet"], check=True)
    return output


def _measured(
    fp32: Path, tests: tuple[Path, Path | None], arguments: Sequence[str], tree: Path, folder: Path
) -> dict[str, Any]:
    """What one version makes of the bundle, and how that answers the two files of tests."""
    output = folder / "int8"
    command = ["-m", "bert_export.cli", "--bundle", str(fp32.resolve()), "--int8", *arguments, "--json"]
    command += ["-o", str(output.resolve()), "--force"]
    paths = [str(tree.resolve() / name) for name in ("runtime", "calibration", "exporter")]
    began, used = time.perf_counter(), _cpu_seconds()
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    times = {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(_cpu_seconds() - used, 1)}
    if done.returncode != 0:
        return {"refused": done.stderr.strip()[:3000], **times}
    report = json.loads(done.stdout)
    made = report["artefacts"][0]["int8"]["quantization"]
    return {
        **times,
        "kept": made["kept"],
        "operators": made["operators"],
        "trials": made["trials"],
        "speed": made["trials"][-1]["speed"] if made["trials"] else None,
        "size": report["size"],
        "verdict": report["artefacts"][0]["int8"].get("accuracy", {}).get("words"),
        **_answers(fp32, output, arguments[1], tests[0]),
        "alike": _answers(fp32, output, arguments[1], tests[1]) if tests[1] else None,
    }


def _cpu_seconds() -> float:
    """Of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _answers(fp32: Path, int8: Path, target: str, test: Path) -> dict[str, Any]:
    """Agreement with fp32, and the change of the metric, on the test samples."""
    options = bert_runtime.Options(target=target)
    with bert_runtime.load(fp32, options=options) as base, bert_runtime.load(int8, options=options) as session:
        samples: Samples = read_samples(test, base.task, base.record.settings, base.text)
        reference, results = (list(each.predict(samples.requests)) for each in (base, session))
        measure = measure_of(base.task, base.record.settings)
    alike = agreement(measure, results, reference)
    change = difference(measure.metrics[0], results, reference, samples.golds) if samples.is_labelled else None
    told = None if change is None else [change.metric, change.value, change.low, change.high]
    return {"agreement": [alike.metric, alike.value, alike.low, alike.high], "change": told}


if __name__ == "__main__":
    main()
