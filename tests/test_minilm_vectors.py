"""Sentence vectors of a real model equal those that sentence-transformers gave, kept in tests/cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import bert_runtime

GOLDEN = json.loads((Path(__file__).parent / "cases" / "minilm_vectors.json").read_text(encoding="utf-8"))


def test_vectors_equal_those_of_sentence_transformers_alone_and_in_a_batch(demo_embedding: Path) -> None:
    requests = [{"text": case["text"]} for case in GOLDEN["cases"]]
    with bert_runtime.load(demo_embedding) as session:
        alone = [session(request).vector for request in requests]
        batched = [result.vector for result in session.predict(requests)]
    for case, *vectors in zip(GOLDEN["cases"], alone, batched, strict=True):
        for vector in vectors:
            np.testing.assert_allclose(vector, case["vector"], rtol=0, atol=1e-5)
