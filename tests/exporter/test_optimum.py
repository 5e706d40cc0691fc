"""A bundle's directory loads in Optimum's ORTModelFor* classes and gives the same numbers. Slow: its own environment.

Optimum's release for ONNX needs another major version of transformers than the exporter, so that it runs in a virtual
environment of its own, the benchmarks', which is made on the first run.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.environments import OPTIMUM
from benchmarks.peers.optimum_onnxruntime import CLASSES

import bert_runtime

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "v1"
PROGRAM = """
import json, sys
import numpy, optimum.onnxruntime
answers = []
for job in json.load(sys.stdin):
    model = getattr(optimum.onnxruntime, job["class"]).from_pretrained(job["bundle"])
    feeds = {name: numpy.array(values) for name, values in job["feeds"].items()}
    outputs = model(**feeds)
    answers.append({name: outputs[name].tolist() for name in outputs.keys()})
json.dump(answers, sys.stdout)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of Optimum's environment."""
    return OPTIMUM.make()


def feeds(task: str) -> dict[str, Any]:
    """A padded batch of two rows, of two choices each where there are choices."""
    shape = (2, 2, 7) if task == "multiple-choice" else (2, 7)
    random = np.random.default_rng(1)
    mask = np.ones(shape, np.int64)
    mask[-1, ..., 4:] = 0
    ids = random.integers(5, 60, shape)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": (np.arange(7) > 2) * np.ones_like(mask)}


def in_optimum(python: Path, bundles: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Task -> the outputs of its class in Optimum."""
    jobs = [
        {
            "class": CLASSES[task],
            "bundle": str(path),
            "feeds": {name: array.tolist() for name, array in feeds(task).items()},
        }
        for task, path in bundles.items()
    ]
    done = subprocess.run([python, "-c", PROGRAM], input=json.dumps(jobs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(bundles, json.loads(done.stdout), strict=True))


def test_bundles_give_in_optimum_what_they_give_here(python: Path) -> None:
    bundles = {task: GOLDEN / task for task in CLASSES}
    for task, outputs in in_optimum(python, bundles).items():
        with bert_runtime.load(bundles[task]) as session:
            # Optimum does not know `positions`: left out, they are all positions.
            ours = {"positions": np.arange(7)[None].repeat(2, axis=0)} if task == "fill-mask" else {}
            expected = session.run({**feeds(task), **ours})
        compared = [name for name in outputs if name in expected]
        assert compared, task
        for name in compared:
            np.testing.assert_allclose(np.array(outputs[name]), expected[name], atol=1e-5, err_msg=f"{task} {name}")
