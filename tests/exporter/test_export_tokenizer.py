"""A bundle reads texts as the checkpoint's own tokenizer does: answers equal torch's on AutoTokenizer's ids."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tests.exporter.conftest import VOCABULARY, TinyCheckpoint
from tests.exporter.exports import options
from transformers import AutoTokenizer, BertForSequenceClassification

import bert_runtime
from bert_export.exporting import export
from bert_export.report import ExportReport

LONG = "the movie was good " * 40 + "the book of the song is a wall"
TOKEN = {
    "content": "<ent>",
    "lstrip": False,
    "rstrip": False,
    "single_word": False,
    "normalized": False,
    "special": False,
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def with_settings(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write JSON files into a checkpoint."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: TinyCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with one more embedding than its vocabulary has entries, whose files say much of its tokenizer."""
    words = {"vocab_size": len(VOCABULARY) + 1}
    folder = shutil.copytree(
        tiny_checkpoint("text-classification", words), tmp_path_factory.mktemp("tokenizer") / "own"
    )
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    settings = {
        "do_lower_case": True,
        "truncation_side": "left",
        "model_input_names": ["input_ids", "attention_mask"],
        "max_len": 64,
        "added_tokens_decoder": {str(len(VOCABULARY)): TOKEN},
        "something": 1,
    }
    return with_settings(folder, {"tokenizer_config.json": settings})


@pytest.fixture(scope="module")
def report(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    """Its export."""
    return export(options(checkpoint, tmp_path_factory.mktemp("tokenizer") / "bundle"))


@pytest.mark.parametrize("texts", [("a <ent> Movie",), (LONG,), ("the book", "a song"), ("short", LONG)])
def test_logits_are_torchs_on_the_ids_of_autotokenizer(
    checkpoint: Path, texts: tuple[str, ...], tmp_path: Path
) -> None:
    report = export(options(checkpoint, tmp_path / "b"))
    tokens = AutoTokenizer.from_pretrained(checkpoint)(*texts, truncation=True, max_length=64, return_tensors="pt")
    with torch.inference_mode():
        model = BertForSequenceClassification.from_pretrained(checkpoint)  # in eval mode
        expected = model(**tokens).logits.softmax(-1)[0]
    with bert_runtime.load(report.bundle) as session:
        answer = session(dict(zip(("text", "text_pair"), texts, strict=False)) | {"top_k": 9})
    got = {label.label: label.score for label in answer.labels}
    assert np.allclose([got[name] for name in ("O", "B-PER", "I-PER")], expected.numpy(), atol=1e-5)


def test_the_report_and_the_manifest_tell_what_was_read_and_compared(report: ExportReport) -> None:
    manifest = json.loads((report.bundle / "manifest.json").read_text(encoding="utf-8"))
    assert report.text is not None
    assert manifest["verification"]["text"] == {
        "tokenizer": "BertTokenizer",
        "texts": report.text.texts,
        "pairs": report.text.pairs,
        "longest": 64,
        "left_out": 0,
    }
    read = manifest["provenance"]["read"]["tokenizer_config.json"]
    assert {"added_tokens_decoder", "max_len", "truncation_side", "model_input_names"} <= set(read)
    assert any("'something'" in note for note in report.notes)


def test_vectors_are_those_of_sentence_transformers_that_lowers_texts(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_checkpoint("feature-extraction", {}), tmp_path / "checkpoint")
    files = {
        "tokenizer_config.json": {"do_lower_case": False},
        "modules.json": MODULES,
        "1_Pooling/config.json": {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": True},
    }
    texts = ["The MOVIE was good", "A [MASK] B", LONG.title(), "CAFÉ"]
    expected = SentenceTransformer(str(with_settings(folder, files)), device="cpu").encode(texts)
    with bert_runtime.load(export(options(folder, tmp_path / "b")).bundle) as session:
        got = np.stack([answer.vector for answer in session.predict([{"text": text} for text in texts])])
    assert np.allclose(got, expected, atol=1e-5)
