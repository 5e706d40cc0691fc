"""Directories of sentence-transformers, of any version: steps count in their order, others are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tests.exporter.checkpoint.conftest import Make, edit, write

from bert_export.checkpoint import Checkpoint, CheckpointLocation, load
from bert_export.checkpoint.hub import wanted
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

VECTORS = find_task("feature-extraction")
OLD = "sentence_transformers.models."
TEXT = "a b c d e f g h"


def model_of(folder: Path, *modules: tuple[str, str], pooling: dict[str, Any] | None = None) -> Path:
    """Write modules.json with these (path, type) entries, and each step's directory."""
    entries = [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(modules)]
    write(folder, "modules.json", entries)
    for path, _ in modules:
        (folder / path).mkdir(exist_ok=True)
    write(folder, "1_Pooling/config.json", pooling or {"pooling_mode": "mean"})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 24})
    return folder


def refusal(folder: Path) -> str:
    """The message with which a directory is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(folder)), VECTORS)
    return str(caught.value)


def vector(checkpoint: Checkpoint) -> np.ndarray[Any, Any]:
    """TEXT as the settings pool it."""
    from tokenizers import Tokenizer

    ids = Tokenizer.from_str(checkpoint.tokenizer.json).encode(TEXT).ids
    with torch.inference_mode():
        hidden = checkpoint.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    found = hidden[0] if checkpoint.settings.pooling == "cls" else hidden.mean(0)
    result: np.ndarray[Any, Any] = (found / found.norm() if checkpoint.settings.normalize else found).numpy()
    return result


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_a_directory_that_the_installed_version_saves_gives_its_vectors(make: Make, tmp_path: Path, mode: str) -> None:
    steps = (("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"), ("2_Normalize", OLD + "Normalize"))
    folder = model_of(make("BertModel"), *steps, pooling={"embedding_dimension": 16, "pooling_mode": mode})
    theirs = SentenceTransformer(str(folder), device="cpu")
    theirs.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    types = [entry["type"] for entry in json.loads((tmp_path / "saved" / "modules.json").read_text(encoding="utf-8"))]
    assert not any(kind.startswith(OLD) for kind in types)  # the names of versions 5.4 and 6
    checkpoint = load(CheckpointLocation(str(tmp_path / "saved")), VECTORS)
    np.testing.assert_allclose(vector(checkpoint), theirs.encode(TEXT), atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), [("0_BERT", "BERT"), ("0_Transformer", "Transformer")])
@pytest.mark.parametrize("has_list", [True, False])
def test_the_layout_before_version_2_is_read(make: Make, tmp_path: Path, name: str, kind: str, has_list: bool) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copytree(make("BertModel"), folder / name)
    pooling = {"word_embedding_dimension": 16, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    model_of(folder, (name, OLD + kind), ("1_Pooling", OLD + "Pooling"), pooling=pooling)
    (folder / "sentence_bert_config.json").unlink()
    write(folder / name, "sentence_bert_config.json", {"max_seq_length": 20, "do_lower_case": False})
    write(folder, "config.json", {"__version__": "0.2.0"})
    if not has_list:
        (folder / "modules.json").unlink()
    checkpoint = load(CheckpointLocation(str(folder)), VECTORS)
    assert (checkpoint.settings.pooling, checkpoint.settings.normalize) == ("cls", False)
    assert checkpoint.tokenizer.max_length == 20
    assert checkpoint.provenance.source == "old"


def test_a_dropout_decides_nothing(make: Make) -> None:
    steps = (("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"), ("2_Dropout", OLD + "Dropout"))
    assert load(CheckpointLocation(str(model_of(make("BertModel"), *steps))), VECTORS).settings.pooling == "mean"


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        ((OLD + "Transformer", OLD + "Normalize", OLD + "Pooling"), "another order gives another vector"),
        ((OLD + "Transformer", OLD + "Pooling", OLD + "Pooling"), "another order gives another vector"),
        ((OLD + "Pooling", OLD + "Transformer"), "another order gives another vector"),
        ((OLD + "Transformer",), "without Pooling there is no vector"),
        ((OLD + "Transformer", OLD + "Pooling", OLD + "LSTM"), "the exported model has no LSTM"),
        (("custom_st.Transformer", OLD + "Pooling"), "custom_st.Transformer"),
        ((OLD + "Transformer", "mine.Pooling"), "mine.Pooling"),
        (("sentence_transformers.base.modules.router.Router", OLD + "Pooling"), "has no Router"),
        (("sentence_transformers.sparse_encoder.models.MLMTransformer", OLD + "Pooling"), "MLMTransformer"),
        ((None, OLD + "Pooling"), "None"),
    ],
)
def test_other_steps_and_orders_are_refused_by_name(make: Make, kinds: tuple[str, ...], named: str) -> None:
    paths = ["", "1_Pooling", "2_Other"]
    assert named in refusal(model_of(make("BertModel"), *zip(paths, kinds, strict=False)))


@pytest.mark.parametrize(
    ("mode", "named"),
    [
        (5, "pooling_mode 5"),
        ([], "pooling_mode []"),
        ([1], "pooling_mode [1]"),
        ({"a": 1}, 'pooling_mode {"a": 1}'),
        ("median", "pooling is 'median'"),
        (["mean", "max"], "pooling is 'mean+max'"),
    ],
)
def test_other_poolings_are_refused_by_name(make: Make, mode: object, named: str) -> None:
    steps = (("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"))
    assert named in refusal(model_of(make("BertModel"), *steps, pooling={"pooling_mode": mode}))


@pytest.mark.parametrize("path", ["../1_Pooling", "/etc", "a\0b", 5, None])
def test_a_step_lies_inside_the_checkpoint(make: Make, path: object) -> None:
    folder = model_of(make("BertModel"), ("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"))
    entries = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    entries[1]["path"] = path
    write(folder, "modules.json", entries)
    assert "expected one inside the checkpoint" in refusal(folder)


@pytest.mark.parametrize(
    ("library", "named"),
    [
        ({"truncate_dim": 8}, "truncate_dim 8"),
        ({"prompts": {"query": "q: "}, "default_prompt_name": "query"}, "include_prompt is false"),
    ],
)
def test_what_the_library_does_to_vectors_around_the_steps_is_refused(
    make: Make, library: dict[str, Any], named: str
) -> None:
    steps = (("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"))
    folder = model_of(make("BertModel"), *steps, pooling={"pooling_mode": "mean", "include_prompt": False})
    load(CheckpointLocation(str(folder)), VECTORS)
    write(folder, "config_sentence_transformers.json", library)
    assert named in refusal(folder)


def test_a_flood_of_steps_is_refused(make: Make) -> None:
    folder = make("BertModel")
    write(folder, "modules.json", [{"path": "", "type": OLD + "Dropout"}] * 200_000)
    assert "lists 200000 modules, expected at most 100" in refusal(folder)


def test_normalising_tokens_in_place_of_the_vector_is_refused(make: Make) -> None:
    steps = (("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"), ("2_Normalize", OLD + "Normalize"))
    folder = model_of(make("BertModel"), *steps)
    write(folder, "2_Normalize/config.json", {"module_input_name": "token_embeddings"})
    assert "module_input_name" in refusal(folder)


def test_the_classifier_of_setfit_is_named_as_left_out(make: Make) -> None:
    folder = model_of(make("BertModel"), ("", OLD + "Transformer"), ("1_Pooling", OLD + "Pooling"))
    (folder / "model_head.pkl").write_bytes(b"cos\nsystem\n")
    write(folder, "config_setfit.json", {"labels": ["a", "b"], "normalize_embeddings": False})
    (note,) = [note for note in load(CheckpointLocation(str(folder)), VECTORS).notes if "model_head.pkl" in note]
    assert "SetFit" in note
    with pytest.raises(CheckpointError, match=r"model_head\.pkl"):
        load(CheckpointLocation(str(folder)), find_task("text-classification"))


def test_a_directory_that_is_no_bert_is_told_so(make: Make) -> None:
    folder = make("BertModel")
    edit(folder, "config.json", model_type=None, architectures=["StaticModel"])
    write(folder, "modules.json", [{"idx": 0, "name": "0", "path": ".", "type": OLD + "StaticEmbedding"}])
    assert "names no model_type" in refusal(folder)


def test_the_hub_is_asked_for_the_files_of_the_old_layout_too() -> None:
    files = ["0_BERT/config.json", "0_BERT/pytorch_model.bin", "0_BERT/vocab.txt", "1_Pooling/config.json"]
    assert sorted(wanted([*files, "modules.json", "0_BERT/optimizer.pt", "x/config.json"])) == [*files, "modules.json"]
