"""Golden bundles of every version of the format still read, and still answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bert_runtime import bundle
from bert_runtime.manifest import VERSION
from bert_runtime.text import TextEncoder

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = sorted(path for path in FOLDER.glob("v*/*") if path.is_dir())
IDS = [f"{path.parent.name}-{path.name}" for path in GOLDEN]
# float32 sums in another order: 16 hidden units and 2 layers stay within a few units in the last place of 1e-6.
TOLERANCE = 1e-5


def test_every_version_has_a_golden_bundle() -> None:
    assert {path.parent.name for path in GOLDEN} == {f"v{version}" for version in range(1, VERSION + 1)}


@pytest.mark.parametrize("path", GOLDEN, ids=IDS)
def test_a_golden_bundle_reads(path: Path) -> None:
    found = bundle.read(path)

    assert found.directory == path.resolve()
    assert found.manifest.task == path.name
    assert f"v{found.manifest.version}" == path.parent.name


@pytest.mark.parametrize("path", GOLDEN, ids=IDS)
def test_a_golden_bundle_is_small(path: Path) -> None:
    assert sum(file.stat().st_size for file in path.iterdir()) < 150_000


@pytest.mark.parametrize("path", GOLDEN, ids=IDS)
def test_a_golden_bundle_answers_as_torch_did(path: Path) -> None:
    manifest = bundle.read(path).manifest
    text = TextEncoder.from_file(path / manifest.tokenizer.file, manifest.tokenizer.max_length)
    session = onnxruntime.InferenceSession(path / manifest.artefacts[0].file, providers=["CPUExecutionProvider"])
    for expected in json.loads(path.with_suffix(".json").read_bytes()):
        row = text.row(text.pieces(expected["text"]))
        feed = {"input_ids": row.ids, "attention_mask": np.ones_like(row.ids), "token_type_ids": row.type_ids}
        (logits,) = session.run(["logits"], {name: array[None] for name, array in feed.items()})

        assert row.ids.tolist() == expected["input_ids"]
        np.testing.assert_allclose(logits[0], expected["logits"], atol=TOLERANCE)


def test_the_golden_tokenizer_agrees_with_the_manifest() -> None:
    for path in GOLDEN:
        record = bundle.read(path).manifest.tokenizer
        text = TextEncoder.from_file(path / record.file, record.max_length)

        assert (text.pad_id, text.mask_id) == (record.pad_id, record.mask_id)
