"""The canaries of an export: torch's own words, for every head, and what its artefacts make of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
import transformers
from tests.bundles import write_bundle
from tests.exporter.conftest import SourceBundle, TinyBundle, TinyCheckpoint, fast_for

from bert_export.errors import GateError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_runtime import bundle as bundles
from bert_runtime.canaries import Agreement, agreement, bound_of
from bert_runtime.canaries_json import NAME, bounds_of, read
from bert_runtime.errors import BackendError
from bert_runtime.loading import load, start_session
from bert_runtime.options import Options
from bert_runtime.tasks import TASKS

HEADS = fast_for([task.name for task in TASKS], "text-classification", "question-answering", "text-generation")


@pytest.mark.parametrize("name", HEADS)
def test_every_head_carries_some_and_answers_them(tiny_bundle: TinyBundle, name: str) -> None:
    bundle = bundles.read(tiny_bundle(name, False).bundle)
    canaries, bounds = read(bundle), bounds_of(bundle)
    assert 4 <= len(canaries) <= 6
    lengths = [len(str(canary.request)) for canary in canaries]
    assert max(lengths) > 2 * min(lengths)
    for target in ("cpu", "portable"):
        bound = bound_of(bounds, target)
        assert bound is not None
        with start_session(bundle, Options(target, threads=1)) as session:
            found = agreement(session, canaries)
        assert found.same_answers == found.cases
        assert bound.holds(found)
        assert name == "text-generation" or all(canary.outputs for canary in canaries)


def test_their_outputs_are_those_of_transformers_own_class(
    tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint
) -> None:
    folder = tiny_checkpoint("text-classification", {})
    model: Any = transformers.BertForSequenceClassification.from_pretrained(folder)
    model.eval()
    tokenizer: Any = transformers.BertTokenizer.from_pretrained(folder)
    longest = model.config.max_position_embeddings
    for canary in read(bundles.read(tiny_bundle("text-classification", False).bundle)):
        texts = [canary.request[key] for key in ("text", "text_pair") if key in canary.request]
        inputs = tokenizer(*texts, return_tensors="pt", truncation=True, max_length=longest)
        with torch.inference_mode():
            logits = model(**inputs).logits[0].numpy()
        (row,) = canary.outputs
        np.testing.assert_allclose(row["logits"].values, logits, atol=1e-5)
        answer: Any = canary.answer
        assert answer["labels"][0]["label"] == model.config.id2label[int(logits.argmax())]


def test_int8_made_of_a_bundle_keeps_them_and_states_its_own_bound(tiny_bundle: TinyBundle, tmp_path: Path) -> None:
    source = tiny_bundle("text-classification", False).bundle
    output = tmp_path / "int8"
    export(ExportOptions(bundle=source, output=output, targets=("cpu:int8",)))
    bundle = bundles.read(output)
    assert (output / NAME).read_bytes() == (source / NAME).read_bytes()
    (bound,) = bounds_of(bundle)
    assert (bound.target, bound.precision) == ("cpu", "int8")
    assert bound.max_difference > 1e-3
    load(output, verify="canaries").close()


def test_a_damaged_weight_is_found(tiny_bundle: TinyBundle, tmp_path: Path) -> None:

    bundle = bundles.read(tiny_bundle("text-classification", False).bundle)
    path = bundle.directory / "model.onnx"
    graph = ir.external_data.load_to_model(ir.load(path))
    held = {name: each.const_value for name, each in graph.graph.initializers.items() if each.const_value is not None}
    floats = {name: value for name, value in held.items() if value.dtype == ir.DataType.FLOAT}
    name = max(floats, key=lambda each: floats[each].size)
    graph.graph.initializers[name].const_value = ir.tensor(floats[name].numpy() * 1.5, name=name)
    ir.save(graph, tmp_path / "model.onnx")
    files: dict[str, bytes | Path] = {name: bundle.directory / name for name in bundle.manifest.files}
    damaged = write_bundle(tmp_path / "damaged", bundle.manifest, {**files, "model.onnx": tmp_path / "model.onnx"})
    load(damaged, options=Options("cpu")).close()
    with pytest.raises(BackendError, match="does not answer as torch did"):
        load(damaged, options=Options("cpu"), verify="canaries")


def test_a_decoder_that_reads_an_encoder_has_none(source_bundle: SourceBundle) -> None:
    assert NAME not in bundles.read(source_bundle(False).bundle).manifest.files


def test_an_artefact_that_is_further_off_in_a_session_is_refused(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(session: Any, canaries: Any) -> Agreement:
        found = agreement(session, canaries)
        return replace(found, max_difference=found.max_difference + 1e-3)

    monkeypatch.setattr("bert_export.canaries.agreement", off)
    model = str(tiny_checkpoint("text-classification", {}))
    with pytest.raises(GateError, match=r"differ from torch by more than alone: cpu 1\.0e-03"):
        export(ExportOptions(model=model, output=tmp_path / "bundle", targets=("cpu",)))
    assert not (tmp_path / "bundle").exists()
