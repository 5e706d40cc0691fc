"""What a family says of transformers' classes is so: classes, parts, sizes, positions."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch
import transformers
from tests.exporter.families.checkpoints import FamilyCheckpoint, save_checkpoint

from bert_export import CheckpointError, ExportOptions, export
from bert_export.checkpoint import CheckpointLocation, load
from bert_export.families import BY_NAME, FAMILIES, Family, find_family
from bert_runtime.tasks import TASKS, find_task

FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=list(BY_NAME))


@FAMILY
def test_transformers_has_the_class_of_every_head(family: Family) -> None:
    for task in TASKS:
        if family.has(task):
            assert hasattr(transformers, family.model_class(task))
    assert hasattr(transformers, family.base_class)


@FAMILY
def test_the_parts_are_where_the_family_says(family: Family, family_checkpoint: FamilyCheckpoint) -> None:
    task = find_task("fill-mask")
    folder = family_checkpoint(family, task.name)
    model = getattr(transformers, family.model_class(task)).from_pretrained(folder)
    base = getattr(model, family.attribute)
    for layer in base.get_submodule(family.layers):
        for part in fields(family.layer):
            layer.get_submodule(getattr(family.layer, part.name))
    for name in (family.vocabulary.dense, family.vocabulary.norm, family.vocabulary.projection):
        model.get_submodule(name)
    words = base.get_submodule(family.embeddings.words)
    assert isinstance(words, torch.nn.Embedding)
    assert words.embedding_dim == getattr(model.config, family.config.own_width)
    assert family.value(model.config, "intermediate_size") == 64


@FAMILY
def test_the_longest_text_has_a_position_and_one_more_token_has_none(
    family: Family, family_checkpoint: FamilyCheckpoint
) -> None:
    folder = family_checkpoint(family, "feature-extraction")
    model = getattr(transformers, family.base_class).from_pretrained(folder).eval()
    longest = family.longest(model.config)
    model(torch.full((1, longest), 7))
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 7))


@FAMILY
def test_a_task_is_found_in_the_architectures(family: Family, family_checkpoint: FamilyCheckpoint) -> None:
    checkpoint = load(CheckpointLocation(str(family_checkpoint(family, "question-answering"))))
    assert checkpoint.task.name == "question-answering"
    assert checkpoint.family is family
    assert type(checkpoint.model).__name__ == family.model_class(checkpoint.task)


@pytest.mark.parametrize("kind", ["deberta-v2", "albert", "nomic_bert", "longformer", "t5"])
def test_a_family_that_is_not_there_is_refused_with_those_that_are(kind: str, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "c", find_family("bert"), "text-classification")
    config = folder / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"bert"', f'"{kind}"'), encoding="utf-8")
    with pytest.raises(CheckpointError, match=f"model_type '{kind}', expected one of 'bert', 'distilbert'") as caught:
        export(ExportOptions(model=str(folder), output=tmp_path / "b"))
    assert all(repr(family.name) in str(caught.value) for family in FAMILIES)


@pytest.mark.parametrize("name", ["roberta", "electra"])
def test_a_decoder_of_another_family_is_refused_by_name(
    name: str, family_checkpoint: FamilyCheckpoint, tmp_path: Path
) -> None:
    model = str(family_checkpoint(find_family(name), "fill-mask"))
    with pytest.raises(CheckpointError, match=rf"\({name}\) has no text-generation here, expected one of fill-mask"):
        export(ExportOptions(model=model, task="text-generation", output=tmp_path / "b"))


def test_a_head_that_the_checkpoint_lacks_is_named(family_checkpoint: FamilyCheckpoint, tmp_path: Path) -> None:
    model = str(family_checkpoint(find_family("roberta"), "fill-mask"))
    with pytest.raises(CheckpointError, match=r"lacks weights of the head: classifier\.dense\.bias"):
        export(ExportOptions(model=model, task="text-classification", output=tmp_path / "b"))
