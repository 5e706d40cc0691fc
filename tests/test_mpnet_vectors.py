"""Sentence vectors of a real model of 12 layers equal those that sentence-transformers gave, kept in tests/cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bert_runtime

GOLDEN = json.loads((Path(__file__).parent / "cases" / "mpnet_vectors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.unpack_mpnet import unpack

    from bert_export import ExportOptions, export

    output = tmp_path_factory.mktemp("mpnet") / "bundle"
    report = export(ExportOptions(model=str(unpack()), task="feature-extraction", output=output))
    assert report.artefacts[0].fusions["Attention"] == 12
    return report.bundle


@pytest.mark.slow
@pytest.mark.exporter
def test_vectors_of_mpnet_equal_those_of_sentence_transformers(bundle: Path) -> None:
    requests = [{"text": case["text"]} for case in GOLDEN["cases"]]
    with bert_runtime.load(bundle) as session:
        alone = [session(request).vector for request in requests]
        batched = [result.vector for result in session.predict(requests)]
    for case, *vectors in zip(GOLDEN["cases"], alone, batched, strict=True):
        for vector in vectors:
            np.testing.assert_allclose(vector, case["vector"], rtol=0, atol=1e-5)
