"""What the README and the documents show runs: Python page by page, commands on tiny checkpoints, output as printed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertLMHeadModel,
    BertModel,
)

import bert_export.cli
import bert_runtime.cli
import bert_runtime.cli.doctor
from bert_calibration import measure
from bert_calibration.accuracy import Drop
from bert_export.tuning import trials
from bert_runtime.cli.files import SOME_SKIPPED

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "bert-export": bert_export.cli.main,
    "bert-run": bert_runtime.cli.main,
    "bert-doctor": bert_runtime.cli.doctor.main,
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", "what", "is", "?"]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


LAST_LINE = {
    "README.md": r".+ True",
    "export.md": r"\(384,\)",
    "python.md": r"InputError|.*request 1: question is.*",
    "bulk.md": "40",
    "serving.md": "Hamburg Anna",
}
"""Page -> what its Python prints last."""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(
    page: Path, demo_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo_folder)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(LAST_LINE[page.name], printed[-1]), printed


def test_every_command_of_the_documents_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_checkpoints()
    request = {"question": "what is a ?", "context": "a b c"}
    Path("questions.jsonl").write_text(f"{json.dumps(request)}\nno json\n{json.dumps(request)}\n", encoding="utf-8")
    Path("pages.csv").write_text("id,asked,page\n1,what is a ?,a b c\n", encoding="utf-8")
    contexts = ("a b c", "b a c", "c b a", "a b", "b c", "b", "a a b", "b b c")
    lines = [json.dumps({**request, "context": context, "answers": ["b"]}) for context in contexts]
    Path("labelled.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # of a network of width 16 with random weights, neither speed nor accuracy says anything
    monkeypatch.setattr(measure, "speed_up", lambda *_: 2.0)
    monkeypatch.setattr(trials, "TRIAL", 0.0)
    monkeypatch.setattr(trials, "FINAL", 0.0)
    monkeypatch.setattr(trials, "SINGLE", (0.001, 2, 4))
    monkeypatch.setattr("bert_export.tuning.tune.thread_counts", lambda: (1,))
    monkeypatch.setattr("bert_export.judged.Judged.drop", lambda *_: Drop("F1", 0.0, -0.001, 0.001, 1000))
    shown = [block for page in PAGES for block in blocks(page, "console")]
    typed = [line.split(" #")[0] for block in shown for line in block.splitlines()]
    found = [tuple(shlex.split(line)) for line in typed if line.startswith(tuple(COMMANDS))]
    commands = list(dict.fromkeys(found))
    assert len(commands) >= 4
    for name, *arguments in commands:
        expected = SOME_SKIPPED if "skip" in arguments else 0  # one line of the input is no JSON
        assert COMMANDS[name](list(arguments)) == expected, arguments
    answers = [json.loads(line) for line in Path("answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [next(iter(answer)) for answer in answers] == ["answers", "error", "answers"]
    assert Path("decoder-bundle/cross_kv.onnx").is_file()
    for bundle, precision in (("half", "fp16"), ("bf16", "bf16"), ("int8", "int8"), ("fast", "int8")):
        manifest = json.loads(Path(f"{bundle}-bundle/manifest.json").read_text(encoding="utf-8"))
        assert {artefact["precision"] for artefact in manifest["artefacts"]} == {precision}
    both = json.loads(Path("my-checkpoint-question-answering/manifest.json").read_text(encoding="utf-8"))
    assert [artefact["target"] for artefact in both["artefacts"]] == ["cpu", "portable"]


def test_the_answers_it_prints_are_those_of_the_demo(demo_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (printed,) = (block for block in blocks(README, "text") if "answers" in block)
    context = str(demo_folder / "examples" / "transformers.txt")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    questions = re.findall(r'--question "(.+?)"', makefile)
    assert len(questions) == 3
    for question in questions:
        capsys.readouterr()
        arguments = [
            str(demo_folder / "build" / "demo-qa"),
            "--context-file",
            context,
            "--question",
            question,
            "--json",
        ]
        assert bert_runtime.cli.main(arguments) == 0
        (answer,) = json.loads(capsys.readouterr().out)["answers"]
        shown = re.search(
            rf"^  {re.escape(answer['text'])} +([0-9.]+) +[━─]{{20}} +{answer['start']} +{answer['end']}$",
            printed,
            re.M,
        )
        assert shown is not None, answer
        assert float(shown[1]) == pytest.approx(answer["score"], abs=2e-3)


def save_checkpoints() -> None:
    """What the commands name: my-checkpoint, base with its adapter lora, my-encoder and my-decoder."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        initializer_range=0.3,  # logits far enough apart for half precision to tell
    )
    BertForQuestionAnswering(config).save_pretrained("my-checkpoint")
    config.id2label = {0: "O", 1: "B-PER", 2: "I-PER"}
    tagger = BertForTokenClassification(config)
    encoder = dict(tagger.bert.state_dict(prefix="bert.").items())
    tagger.config.save_pretrained("base")
    save_file(encoder, "base/model.safetensors", metadata={"format": "pt"})
    adapted = get_peft_model(tagger, LoraConfig(r=2, target_modules=["query"], modules_to_save=["classifier"]))
    adapted.save_pretrained("lora")
    config.id2label = {0: "LABEL_0", 1: "LABEL_1"}
    BertModel(config).save_pretrained("my-encoder")
    config.is_decoder = config.add_cross_attention = True
    BertLMHeadModel(config).save_pretrained("my-decoder")
    for folder in ("my-checkpoint", "base", "my-encoder", "my-decoder"):
        Path(folder, "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
