"""A decoder that reads an encoder as a bundle: two graphs, one of which serves all targets; and how to get one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import transformers
from tests.exporter.conftest import LONGEST, PLAIN, READS_ENCODER, TARGETS, SourceBundle, TinyCheckpoint

import bert_runtime
from bert_export.cli import main
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.passes.fusion_gate import RESIDUAL
from bert_runtime import EncoderStates
from bert_runtime.tasks.text_generation import TEXT_GENERATION

TASK = TEXT_GENERATION.name
STATES = np.random.default_rng(0).standard_normal((11, 32)).astype(np.float32)


def test_every_fusion_and_check_is_in_the_report(source_bundle: SourceBundle) -> None:
    report = source_bundle(False)
    manifest = json.loads((report.bundle / "manifest.json").read_bytes())
    cpu, portable, cuda = report.artefacts
    fused = {"BiasGelu": 3, "MultiHeadAttention": 2, "MultiHeadAttention (cross-attention)": 2}
    assert cpu.fusions == {**fused, RESIDUAL["cpu"]: 6}
    assert cuda.fusions == {**fused, RESIDUAL["cuda"]: 6}
    assert portable.fusions == {}
    sizes = {axis: size for axis, size in manifest["sizes"].items() if axis != "vocabulary"}
    assert sizes == {"heads": 4, "hidden": 32, "layers": 2, "size": 8}
    ways = ("at once", "with a cache")
    for artefact in report.artefacts:
        names = [check.name for check in artefact.checks]
        assert names == ["real texts", *(f"length {n}, {way}" for n in (2, 7, 33, 128, LONGEST) for way in ways)]


def test_one_graph_of_the_source_serves_all_targets(source_bundle: SourceBundle) -> None:
    bundle = source_bundle(False).bundle
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    assert [artefact["cross_kv_graph"]["file"] for artefact in manifest["artefacts"]] == ["cross_kv.onnx"] * 3
    graph = onnx.load(bundle / "cross_kv.onnx").graph
    assert {node.domain for node in graph.node} == {""}
    names = {tensor.name for tensor in graph.initializer if "weight" in tensor.name}
    parts = [f"bert.encoder.layer.{layer}.crossattention.self" for layer in (0, 1)]
    assert names == {f"{part}.{kind}.weight" for part in parts for kind in ("key", "value")}


def test_the_decoder_s_graph_cannot_compute_keys_of_a_source(source_bundle: SourceBundle) -> None:
    for name in ("model.onnx", "model.portable.onnx"):
        graph = onnx.load(source_bundle(False).bundle / name).graph
        assert "encoder_hidden_states" not in {value.name for value in graph.input}
        held = {tensor.name for tensor in graph.initializer}
        assert not [name for name in held if re.search(r"crossattention\.self\.(key|value)", name)]


@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_a_bundle_goes_on_as_generate_does(
    target: str, plain: bool, source_bundle: SourceBundle, tiny_checkpoint: TinyCheckpoint
) -> None:
    model = transformers.BertLMHeadModel.from_pretrained(tiny_checkpoint(TASK, READS_ENCODER)).train(False)
    start = torch.tensor([[2, 20, 9]])
    cache = transformers.EncoderDecoderCache(transformers.DynamicCache(), transformers.DynamicCache())
    made = model.generate(
        start,
        attention_mask=torch.ones_like(start),
        encoder_hidden_states=torch.from_numpy(STATES)[None],
        past_key_values=cache,
        max_new_tokens=20,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    options = bert_runtime.Options(target)
    with bert_runtime.load(source_bundle(plain).bundle, TEXT_GENERATION, options=options) as session:
        prompt = session.text.decode(start[0, 1:].tolist())
        asked = {"prompt": prompt, "encoder_text": EncoderStates.whole(STATES), "max_new_tokens": 20, "eos": ""}
        assert session(asked).sequences[0].token_ids == tuple(made[0, 3:].tolist())


@pytest.mark.slow
def test_a_second_export_writes_the_same_bytes(
    source_bundle: SourceBundle, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    first, model = source_bundle(False).bundle, str(tiny_checkpoint(TASK, READS_ENCODER))
    export(ExportOptions(model=model, output=tmp_path / "b", targets=TARGETS))
    assert {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()} == {
        p.name: p.read_bytes() for p in first.iterdir()
    }


def test_the_way_to_split_an_encoder_decoder_model_that_its_refusal_names_works(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = transformers.BertModel.from_pretrained(tiny_checkpoint("feature-extraction", {}))
    decoder = transformers.BertLMHeadModel.from_pretrained(tiny_checkpoint(TASK, READS_ENCODER))
    both, tokenizer = tmp_path / "both", tiny_checkpoint(TASK, READS_ENCODER)
    transformers.EncoderDecoderModel(encoder=encoder, decoder=decoder).save_pretrained(both)
    assert main(["--model", str(both), "--output", str(tmp_path / "x"), "--quiet"]) == 2
    refusal = capsys.readouterr().err
    ran = re.search(r"Split it: (.*?); save the tokenizer in both", refusal)
    assert ran is not None
    names = {
        "EncoderDecoderModel": transformers.EncoderDecoderModel,
        "DIR": both,
        "ENC": tmp_path / "enc",
        "DEC": tmp_path / "dec",
    }
    exec(ran[1], names)
    for half, task in (("enc", "feature-extraction"), ("dec", "text-generation")):
        for name in ("vocab.txt", "tokenizer_config.json"):
            (tmp_path / half / name).write_bytes((tokenizer / name).read_bytes())
        arguments = ["--model", str(tmp_path / half), "--task", task, "--output", str(tmp_path / f"{half}-bundle")]
        assert main([*arguments, "--quiet"]) == 0
    options = bert_runtime.Options(encoder=tmp_path / "enc-bundle")
    with bert_runtime.load(tmp_path / "dec-bundle", TEXT_GENERATION, options=options) as session:
        found = session({"prompt": "", "encoder_text": "a book of the song", "max_new_tokens": 12, "eos": ""})
        source = torch.tensor([session.text.row(session.text.pieces("a book of the song")).ids.tolist()])
    joined = transformers.EncoderDecoderModel.from_pretrained(both).train(False)
    given = {"decoder_start_token_id": 2, "eos_token_id": None, "pad_token_id": 0}
    made = joined.generate(source, attention_mask=torch.ones_like(source), max_new_tokens=12, do_sample=False, **given)
    assert found.sequences[0].token_ids == tuple(made[0, 1:].tolist())
