"""Every head of every family answers as its own class in transformers does, with its own tokenizer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import transformers
from tests.exporter.families.checkpoints import FamilyCheckpoint

import bert_runtime
from bert_export import ExportOptions, export
from bert_export.families import FAMILIES, Family, find_family
from bert_runtime.tasks import find_task

FP32 = ("cpu", "portable", "cuda", "tensorrt", "openvino")
QUICK = {
    ("distilbert", "text-classification"): ("cpu",),
    ("roberta", "fill-mask"): ("cpu",),
    ("mpnet", "text-classification"): ("cpu", "portable"),
    ("electra", "question-answering"): ("cpu",),
    ("electra", "text-classification"): ("openvino",),  # embeddings narrower than its layers
    ("roberta", "feature-extraction"): ("openvino",),
}
"""(family, task) -> targets, of the fast suite: those that differ most."""
MATRIX = [(family, task) for family in FAMILIES[1:] for task in family.tasks]


def fused(family: Family, task: str) -> dict[str, int]:
    """What the graph of a tiny model must hold for the CPU."""
    rows = task in ("question-answering", "token-classification", "feature-extraction")
    counts = {"EmbedLayerNormalization": 1, "Attention": 2 if rows else 1, "Sum + LayerNormalization": 4}
    return counts if rows else counts | {"MultiHeadAttention": 1}


def check(family: Family, task: str, model: Path, output: Path, targets: tuple[str, ...]) -> None:
    report = export(ExportOptions(model=str(model), task=task, output=output, targets=targets))
    for artefact in report.artefacts:
        assert artefact.parity is not None  # the gate has compared with the checkpoint's own class
        if artefact.parity.target == "cpu":
            found = {name: artefact.fusions[name] for name in fused(family, task)}
            assert found == fused(family, task)
            assert artefact.fusions["BiasGelu"] >= 2 + (task == "fill-mask")
    if task == "text-classification":
        answers_as_transformers(model, output)
    for path in output.glob("*.onnx"):
        nodes = onnx.load(path, load_external_data=False).graph.node
        names = Counter(name for node in nodes for name in node.output if name)
        assert not [name for name, count in names.items() if count > 1], "a tensor is made once"


def answers_as_transformers(model: Path, bundle: Path) -> None:
    """Scores of texts and pairs, from text to answer on both sides."""
    own: Any = transformers.AutoModelForSequenceClassification.from_pretrained(model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    with bert_runtime.load(bundle) as session:
        for texts in (("the movie was a wall",), ("a book", "the song of the board is 3 walls long")):
            with torch.no_grad():
                expected = own(**tokenizer(*texts, return_tensors="pt")).logits.softmax(-1)[0].numpy()
            request = dict(zip(("text", "text_pair"), texts, strict=False)) | {"top_k": 3}
            scores = {label.label: label.score for label in session(request).labels}
            got = [scores[own.config.id2label[i]] for i in range(3)]
            np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(("name", "task"), QUICK, ids=[" ".join(each) for each in QUICK])
def test_it_answers_as_its_class_does(
    name: str, task: str, family_checkpoint: FamilyCheckpoint, tmp_path: Path
) -> None:
    family = find_family(name)
    check(family, task, family_checkpoint(family, task), tmp_path / "bundle", QUICK[name, task])


@pytest.mark.slow
@pytest.mark.parametrize(("family", "task"), MATRIX, ids=[f"{family.name} {task}" for family, task in MATRIX])
def test_every_head_answers_for_every_target(
    family: Family, task: str, family_checkpoint: FamilyCheckpoint, tmp_path: Path
) -> None:
    check(family, task, family_checkpoint(family, task), tmp_path / "bundle", FP32)


def test_padding_is_removed_beside_a_bias_for_distances(family_checkpoint: FamilyCheckpoint, tmp_path: Path) -> None:
    model = str(family_checkpoint(find_family("mpnet"), "question-answering"))
    report = export(ExportOptions(model, targets=("cuda:fp16",), remove_padding=True, output=tmp_path / "bundle"))
    any_mask, packed = report.artefacts
    assert {"RemovePadding": 1, "PackedAttention": 2, "RestorePadding": 1}.items() <= packed.fusions.items()
    assert "PackedAttention" not in any_mask.fusions
    assert packed.parity is not None
    assert packed.parity.mask == "right_padded"
    (graph,) = report.bundle.glob("*.right_padded.onnx")
    attentions = [node for node in onnx.load(graph, load_external_data=False).graph.node if "Packed" in node.op_type]
    assert all(len(node.input) == 6 and node.input[5] for node in attentions)  # the bias for distances


def test_inputs_are_those_that_the_tokenizer_gives(family_checkpoint: FamilyCheckpoint) -> None:
    for family in FAMILIES:
        own = transformers.AutoTokenizer.from_pretrained(family_checkpoint(family, "text-classification"))
        names = {spec.name for spec in family.inputs(find_task("text-classification"), plain=False)}
        without_types = family.name == "distilbert"  # BERT's tokenizer gives types that this model does not read
        assert names == {*own.model_input_names} - ({"token_type_ids"} if without_types else set())
