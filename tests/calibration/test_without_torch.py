"""An fp32 bundle is quantised where torch, transformers and the exporter are not installed, and the result answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.calibration.conftest import GOLDEN

PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "onnxscript", "peft", "bert_export"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
from pathlib import Path
from bert_calibration.quantize import quantize
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import QuantizationConfig
from bert_runtime import bundle

baseline = BaselineArtefact.of(bundle.read(Path(sys.argv[1])), "cpu")
output = Path(sys.argv[2])
quantize(baseline, QuantizationConfig(), None, output)
requests = baseline.requests([{"question": "a film", "context": "the good film"}])
with baseline.engine(output) as engine:
    print(baseline.answers(engine, requests)[0].answers[0].text)
"""


def test_a_bundle_is_quantised_and_answers_without_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(GOLDEN / "question-answering"), str(tmp_path / "model.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in "the good film"
