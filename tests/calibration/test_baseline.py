"""Who is asked for an int8 variant whose floating point numbers this machine would compute otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.baseline import MixedPrecision


def test_the_stand_in_answers_for_the_written_file(baseline: GetBaseline, tmp_path: Path) -> None:
    def turned(model: ir.Model) -> ir.Model:
        bias = model.graph.initializers["qa_outputs.bias"]
        assert bias.const_value is not None
        bias.const_value = ir.tensor(bias.const_value.numpy() + 1, name=bias.name)
        return model

    found = replace(baseline("question-answering", "portable"), mixed_precision=MixedPrecision(lambda _: None, turned))
    file = tmp_path / "variant.onnx"
    file.write_bytes(found.path.read_bytes())
    row = found.rows(requests_of(found, 1))[0]
    feeds = {"input_ids": row.ids[None], "attention_mask": row.mask[None], "token_type_ids": row.type_ids[None]}
    with found.engine() as own, found.engine(file) as variant:
        one, other = (engine.run(feeds, ["start_logits"])["start_logits"] for engine in (own, variant))
    np.testing.assert_allclose(other, one + 1, atol=1e-5)
    assert list(tmp_path.iterdir()) == [file]
