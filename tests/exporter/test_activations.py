"""Every activation that a checkpoint may name passes the rules on operators, for fused and plain graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exporter.conftest import TinyCheckpoint
from transformers.activations import ACT2FN

from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_runtime import bundle as bundles

ALIKE = {"gelu_python", "gelu_python_tanh", "gelu_accurate", "gelu_fast", "swish"}
"""Other names, or formulas, of activations that are here."""
LEARNED = {"prelu", "xielu"}
"""These have weights of their own."""


FAST = {"gelu", "relu", "mish"}
"""One with a fused form, one of a single operator, one that traces to several."""


@pytest.mark.parametrize(
    "activation",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
        for name in sorted({*ACT2FN} - ALIKE - LEARNED)
    ],
)
def test_a_graph_of_every_activation_is_a_bundle(
    activation: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    model = str(tiny_checkpoint("text-classification", {"hidden_act": activation}))
    made = export(ExportOptions(model=model, output=tmp_path / "made", targets=("cpu", "portable")))

    assert {artefact.target for artefact in bundles.read(made.bundle).manifest.artefacts} == {"cpu", "portable"}
