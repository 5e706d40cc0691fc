"""A cross-encoder of any family scores pairs as sentence-transformers does, with the activation that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from tests.exporter.conftest import fast_for
from tests.exporter.families.checkpoints import save_checkpoint

import bert_runtime
from bert_export import ExportOptions, export
from bert_export.families import BY_NAME, find_family

QUERY = "was the movie a song?"
DOCUMENTS = ("the movie was a wall", "a book", "the song of the board is 3 walls long", "?")
ONE_LABEL = {"id2label": {0: "LABEL_0"}, "problem_type": None}


@pytest.mark.parametrize("activation", [torch.nn.Sigmoid(), torch.nn.Identity()], ids=lambda kind: type(kind).__name__)
@pytest.mark.parametrize("name", fast_for(list(BY_NAME), "roberta"))
def test_pairs_score_as_its_cross_encoder_says(name: str, activation: torch.nn.Module, tmp_path: Path) -> None:
    made = save_checkpoint(tmp_path / "made", find_family(name), "text-classification", ONE_LABEL)
    CrossEncoder(str(made), device="cpu", activation_fn=activation).save_pretrained(str(tmp_path / "saved"))
    theirs = CrossEncoder(str(tmp_path / "saved"), device="cpu")
    expected = theirs.predict([(QUERY, document) for document in DOCUMENTS])
    options = ExportOptions(str(tmp_path / "saved"), targets=("cpu",), output=tmp_path / "bundle")
    with bert_runtime.load(export(options).bundle) as session:
        requests = [{"text": QUERY, "text_pair": document} for document in DOCUMENTS]
        got = [session(request).labels[0].score for request in requests]
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.ptp(expected) > 1e-3  # else any constant would do
