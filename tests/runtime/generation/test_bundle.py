"""Bundles as the exporter makes them: the graph, its bound cache and the command give transformers' tokens."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
import pytest
from tests.runtime.generation.conftest import Case
from tests.runtime.generation.test_oracle import BEAMS, GREEDY, NEW, PROMPTS, expected, found
from tests.without_exporter import is_exporter_there

from bert_runtime import TEXT_GENERATION, BackendError, GenerationSession, GenerationSettings, InputError, load
from bert_runtime.cli import main

if TYPE_CHECKING or is_exporter_there():
    from bert_export.exporting import export
    from bert_export.options import ExportOptions

pytestmark = pytest.mark.exporter

Exported = Callable[..., tuple[Path, Case]]
MODULES = Path(__file__).parents[3] / "runtime"


@pytest.fixture(scope="session")
def exported(request: pytest.FixtureRequest, tokenizer_json: str, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """(weights, plain) -> a bundle, and its session beside transformers' model; each exported once."""
    made: dict[tuple[str, bool], tuple[Path, Case]] = {}

    def get(weights: str, plain: bool = False) -> tuple[Path, Case]:
        if (weights, plain) not in made:
            case: Case = request.getfixturevalue(weights)
            folder = tmp_path_factory.mktemp(weights)
            case.model.save_pretrained(folder / "checkpoint")
            (folder / "checkpoint" / "tokenizer.json").write_text(tokenizer_json, encoding="utf-8")
            output = folder / "bundle"
            export(ExportOptions(model=str(folder / "checkpoint"), task="lm", output=output, plain=plain))
            session = load(output, TEXT_GENERATION)
            assert_type(session, GenerationSession)
            made[weights, plain] = output, Case(session, case.model, case.text)
        return made[weights, plain]

    return get


@pytest.mark.parametrize("given", GREEDY[:2] + BEAMS[:3], ids=str)
@pytest.mark.parametrize("weights", ["random", "trained"])
def test_a_batch_of_prompts_gives_the_tokens_of_transformers(
    exported: Exported, weights: str, given: dict[str, Any]
) -> None:
    _, case = exported(weights)
    settings = GenerationSettings(max_new_tokens=NEW, **given)
    assert found(case, PROMPTS, settings) == expected(case, PROMPTS, settings)


def test_a_plain_bundle_gives_the_same_tokens(exported: Exported) -> None:
    _, case = exported("trained", plain=True)
    settings = GenerationSettings(max_new_tokens=NEW)
    assert found(case, PROMPTS, settings) == expected(case, PROMPTS, settings)


def test_a_loaded_session_continues_texts_whether_or_not_the_task_is_named(exported: Exported) -> None:
    bundle, _ = exported("trained")
    with load(bundle) as session:
        assert isinstance(session, GenerationSession)
        assert (
            session.generate("the cat", GenerationSettings(max_new_tokens=4)).sequences[0].text
            == " chased the mouse in"
        )


def test_a_closed_session_says_so(exported: Exported) -> None:
    session = load(exported("trained")[0], TEXT_GENERATION)
    session.close()
    with pytest.raises(BackendError, match="the session is closed"):
        session.generate("the cat", GenerationSettings(max_new_tokens=4))


def test_the_raw_level_refuses_a_mask_that_does_not_span_past_and_sequence(exported: Exported) -> None:
    _, case = exported("trained")
    cache = {
        spec.name: np.zeros((1, 2, 3, 16), np.float32) for spec in case.session.artefact.inputs if "past" in spec.axes
    }
    ids, mask = np.array([[2, 5]]), np.ones((1, 4), np.int64)
    with pytest.raises(InputError, match=r"total is 4, expected past \+ sequence: 3 \+ 2"):
        case.session.run({"input_ids": ids, "attention_mask": mask, **cache})
    raw = case.session.run({"input_ids": ids, "attention_mask": np.ones((1, 5), np.int64), **cache})
    assert raw["logits"].shape == (1, case.text.vocabulary_size)
    assert raw["present.0.key"].shape == (1, 2, 5, 16)


def test_the_command_streams_to_a_terminal(exported: Exported) -> None:
    bundle, _ = exported("trained")
    shown = on_terminal(bundle, "--prompt", "the girl", "--max-new-tokens", "12")
    assert shown == "the girl painted the moon in the kitchen.\r\n"


def test_the_command_shows_beams_on_a_terminal_as_a_table(exported: Exported) -> None:
    bundle, _ = exported("trained")
    shown = on_terminal(bundle, "--prompt", "the girl", "--max-new-tokens", "3", "--num-beams", "2")
    assert "sequences" in shown
    assert "score" in shown


def test_the_command_answers_json_lines(exported: Exported, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bundle, _ = exported("trained")
    prompts = tmp_path / "in.jsonl"
    prompts.write_text('{"prompt": "the girl"}\n{"prompt": "it", "max_new_tokens": 2}\n', encoding="utf-8")
    assert main([str(bundle), "--input", str(prompts), "--max-new-tokens", "12"]) == 0
    texts = [json.loads(line)["sequences"][0]["text"] for line in capfd.readouterr().out.splitlines()]
    assert texts == [" painted the moon in the kitchen.", " rained"]


def on_terminal(bundle: Path, *flags: str) -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bert_runtime.cli", str(bundle), *flags]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(MODULES)}, stdout=theirs, check=True)
    os.close(theirs)
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux says that a terminal's other side is closed
            part = b""
        if not part:
            os.close(ours)
            return b"".join(parts).decode()
        parts.append(part)
