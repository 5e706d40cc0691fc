"""`bert-run DECODER --encoder ENCODER --encoder-text …`: from a text to another, streamed or line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.runtime.generation.cross.conftest import Pair, Pairs
from tests.runtime.generation.test_bundle import on_terminal

from bert_runtime.cli import main
from bert_runtime.cli.files import SOME_SKIPPED

pytestmark = pytest.mark.exporter


@pytest.fixture
def pair(pairs: Pairs) -> Pair:
    return pairs("trained")


def test_the_command_streams_to_a_terminal(pair: Pair) -> None:
    shown = on_terminal(
        pair.decoder,
        "--encoder",
        str(pair.encoder),
        "--encoder-text",
        "cat moon",
        "--prompt",
        "",
        "--max-new-tokens",
        "12",
    )
    assert shown == "the cat chased the moon in the garden.\r\n"


def test_the_source_may_come_from_a_file(pair: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "source.txt").write_text("girl red ball\n", encoding="utf-8")
    flags = ["--encoder", str(pair.encoder), "--encoder-text-file", str(tmp_path / "source.txt"), "--prompt", "the"]
    assert main([str(pair.decoder), *flags, "--max-new-tokens", "12"]) == 0
    assert json.loads(capfd.readouterr().out)["sequences"][0]["text"] == " girl painted the red ball in the kitchen."


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_every_line_has_a_source_of_its_own(
    pair: Pair, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [("", "cat moon"), ("", "x " * 40), ("the girl", "girl mouse"), ("", "")]
    lines = [json.dumps({"prompt": prompt, "encoder_text": source}) for prompt, source in rows]
    if kind == "csv":
        lines = ["prompt,encoder_text", *(f'"{prompt}","{source}"' for prompt, source in rows)]
    (tmp_path / f"in.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = ["--input", str(tmp_path / f"in.{kind}"), "--errors", "skip", "--max-new-tokens", "12"]
    assert main([str(pair.decoder), "--encoder", str(pair.encoder), *flags]) == SOME_SKIPPED
    first, second, third, last = map(json.loads, capfd.readouterr().out.splitlines())
    assert first["sequences"][0]["text"] == "the cat chased the moon in the garden."
    assert second["error"] == "the source has 42 tokens, expected at most 32: shorten it"
    assert third["sequences"][0]["text"] == " painted the mouse in the kitchen."
    # An empty cell is a field left out; an empty text in JSON is a text.
    assert ("error" in last) == (kind == "csv")


def test_what_is_missing_is_told(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(pair.decoder), "--prompt", ""]) == 2
    assert "encoder_text is missing, expected the text, or the EncoderStates" in capfd.readouterr().err
    assert main([str(pair.decoder), "--prompt", "", "--encoder-text", "cat"]) == 2
    assert "name the encoder's bundle when loading (Options(encoder=DIR), --encoder DIR)" in capfd.readouterr().err


def test_a_description_names_the_graph_of_the_source(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(pair.decoder), "--describe", "--json"]) == 0
    artefact = json.loads(capfd.readouterr().out)["artefacts"][0]
    assert artefact["cross_kv_graph"] == "cross_kv.onnx"
    assert artefact["cross_kv_inputs"] == "encoder_hidden_states (sources, source, hidden)"
