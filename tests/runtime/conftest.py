"""Small real bundles: the golden text classification, and tables of logits for heads of other shapes.

Where the exporter's libraries are missing, tests that compare with them or make graphs of their own are skipped.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bundles import write_bundle
from tests.without_exporter import skip_without_exporter

from bert_runtime.manifest import VERSION, Artefact, Manifest
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tokenizer_record import TokenizerRecord

GOLDEN = Path(__file__).parents[1] / "golden/v1/text-classification"
GRAPHS = Path(__file__).parent / "graphs"
OPSET = 20
MAX_LENGTH = 32


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the exporter where only the runtime is installed."""
    if item.get_closest_marker("exporter"):
        skip_without_exporter()


@pytest.fixture(scope="session")
def classification() -> Path:
    """The golden bundle: a real BERT with three labels that reads 32 tokens."""
    return GOLDEN


@pytest.fixture(scope="session")
def question_answering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each token has its own start and end logit, whatever stands around it."""
    return _bundle(tmp_path_factory.mktemp("bundles") / "qa", "question-answering")


@pytest.fixture(scope="session")
def multiple_choice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A choice's logit is the sum of its tokens' numbers: padding that is not masked would change it."""
    return _bundle(tmp_path_factory.mktemp("bundles") / "mc", "multiple-choice")


def _bundle(output: Path, name: str) -> Path:
    task = find_task(name)
    artefact = Artefact("cpu", "fp32", "model.onnx", (), task.inputs(), task.graph_outputs(False), "any", OPSET, False)
    manifest = Manifest(
        version=VERSION,
        task=name,
        settings=HeadSettings(),
        sizes={},
        tokenizer=TokenizerRecord(file="tokenizer.json", max_length=MAX_LENGTH, pad_id=0, mask_id=4),
        artefacts=(artefact,),
        files={},
        provenance={},
        verification={},
    )
    files: dict[str, bytes | Path] = {
        "model.onnx": GRAPHS / f"{name}.onnx",
        "tokenizer.json": GOLDEN / "tokenizer.json",
        "config.json": b"{}",
    }
    return write_bundle(output, manifest, files)
