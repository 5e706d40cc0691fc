"""What a person sees on a real terminal: highlighted spans and bars; and that pipes and --json stay as they are."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.cli.conftest import command_line, environment

from bert_runtime.cli.highlight import SHOWN_AROUND, Part, highlighted
from bert_runtime.record_writers import Json

GOLDEN = Path(__file__).parents[2] / "golden/v1"
TEXT = "🎉 Ada Lovelace wrote the first program in London [bold]."
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8)(?:;\d+)*m")
STYLE = re.compile(r"\x1b\[[0-9;]*m")
WITHOUT_RICH = "import sys; sys.modules['rich'] = None; from bert_runtime.cli import main; sys.exit(main())"


def on_terminal(command: list[str], **variables: str) -> str:
    """What a command prints on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    cleared = {name: value for name, value in environment().items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    variables = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", "PYTHONUTF8": "1", **variables}
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=cleared | variables) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # the terminal's other end was closed
            pass
        os.close(ours)
        assert process.wait(60) == 0, process.stderr and process.stderr.read().decode()
    return b"".join(parts).decode().replace("\r\n", "\n")


def run(task: str, *flags: str) -> list[str]:
    return command_line("bert-run", GOLDEN / task, *flags)


def piped(command: list[str], **variables: str) -> str:
    done = subprocess.run(command, capture_output=True, check=True, env=environment(**variables))
    return done.stdout.decode()


def test_entities_are_highlighted_in_their_text_with_their_labels() -> None:
    command = run("token-classification", "--text", TEXT)
    entities = json.loads(piped(command))["entities"]
    shown = on_terminal(command)
    first, _, _ = STYLE.sub("", shown).partition("\n\n")
    expected, at = "", 0
    for entity in entities:
        expected += TEXT[at : entity["end"]] + f" {entity['label']}"
        at = entity["end"]
    assert " ".join(first.split()).startswith(" ".join((expected + TEXT[at:]).split()))
    for entity in entities:
        assert re.search(rf"\x1b\[1;4;3[0-7]m{re.escape(entity['text'])}\x1b", shown), entity


def test_the_answer_is_highlighted_in_its_context() -> None:
    command = run("question-answering", "--question", "who?", "--context", "the film of Ada", "--top-k", "2")
    best = json.loads(piped(command))["answers"][0]["text"]
    shown = on_terminal(command)
    assert re.search(rf"\x1b\[1;4;3[0-7]m{re.escape(best)}\x1b", shown)
    assert "the film of Ada" in STYLE.sub("", shown)


@pytest.mark.parametrize(
    ("task", "flags"),
    [
        ("text-classification", ("--text", "a good film")),
        ("fill-mask", ("--text", "a [MASK] film")),
        ("multiple-choice", ("--prompt", "a film", "--choices", "good", "bad", "neither")),
        ("next-sentence-prediction", ("--text", "a film", "--next-text", "a film")),
    ],
)
def test_scores_are_bars_as_long_as_they_are(task: str, flags: tuple[str, ...]) -> None:
    answer = piped(run(task, *flags))
    scores = [float(score) for score in re.findall(r'"score": ([0-9.e-]+)', answer)] or sorted(
        json.loads(answer)["scores"], reverse=True
    )
    found = re.findall(r" (?=[━─]{20} )(━*)", STYLE.sub("", on_terminal(run(task, *flags))))
    assert len(scores) > 0
    assert [len(bar) for bar in found] == [round(20 * score) for score in scores]


def test_choices_stand_beside_their_scores_best_first() -> None:
    flags = ("--prompt", "a film", "--choices", "good", "bad", "neither")
    scores = json.loads(piped(run("multiple-choice", *flags)))["scores"]
    order = [name for _, name in sorted(zip(scores, flags[3:], strict=True), reverse=True)]
    shown = STYLE.sub("", on_terminal(run("multiple-choice", *flags)))
    assert re.findall(r"^ +(good|bad|neither) ", shown, flags=re.MULTILINE) == order


def test_a_vector_is_shortened() -> None:
    shown = STYLE.sub("", on_terminal(run("feature-extraction", "--text", "a film")))
    assert "… (16 numbers)" in shown


def test_without_colour_nothing_is_coloured_and_nothing_is_lost() -> None:
    command = run("token-classification", "--text", TEXT)
    coloured, plain = on_terminal(command), on_terminal(command, NO_COLOR="1")
    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)
    assert STYLE.sub("", plain) == STYLE.sub("", coloured)
    assert "\x1b" not in on_terminal(command, TERM="dumb")


def test_a_terminal_of_another_encoding_has_bars_too() -> None:
    shown = on_terminal(
        run("text-classification", "--text", "a film"), PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C"
    )
    assert re.search(r"#+\.+", STYLE.sub("", shown))
    assert r"\u" not in shown


def test_json_and_pipes_are_as_without_a_terminal() -> None:
    command = run("token-classification", "--text", TEXT)
    out = piped(command)
    assert on_terminal([*command, "--json"]) == out
    assert piped([*command, "--json"], FORCE_COLOR="1", TERM="xterm") == out
    assert piped(command, FORCE_COLOR="1") == out


def test_without_rich_a_terminal_shows_plain_tables() -> None:
    command = run("token-classification", "--text", TEXT)
    shown = on_terminal([sys.executable, "-c", WITHOUT_RICH, *command[3:]])
    assert "\x1b" not in shown
    assert shown.startswith("\nentities\nlabel  score")


def test_a_text_of_others_steers_no_terminal() -> None:
    shown = on_terminal(
        run("token-classification", "--text", "Ada \x1b]0;title\x07\x1b[2J \u202e London\rx [red]y[/red]")
    )
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "\r" not in shown
    assert "[red]y[/red]" in re.sub(r"\s|PER|LOC", "", STYLE.sub("", shown))


def test_of_a_long_context_only_what_is_near_a_span_is_shown() -> None:
    text = "a" * 5000 + "Ada" + "b" * 5000 + "Bo" + "c" * 5000
    spans: list[Json] = [{"text": "Bo", "start": 10003, "end": 10005}, {"text": "Ada", "start": 5000, "end": 5003}]
    ((before, ada, between, bo, after),) = highlighted({"answers": spans}, {"question": "q", "context": text})
    near = SHOWN_AROUND
    assert before == Part(" … " + "a" * near)
    assert (ada, bo) == (Part("Ada", rank=1), Part("Bo", rank=0))
    assert between == Part("b" * near + " … " + "b" * near)
    assert after == Part("c" * near + " … ")


def test_spans_of_no_text_of_the_request_are_not_highlighted() -> None:
    span: Json = {"text": "Ada", "start": 1, "end": 4}
    assert list(highlighted({"entities": [span]}, {"text": "Ada Lovelace"})) == []
    assert list(highlighted({"entities": []}, {"text": "Ada"})) == []
    assert len(list(highlighted({"entities": [span]}, {"text": " Ada"}))) == 1


def test_of_spans_that_overlap_the_better_is_highlighted() -> None:
    text = "about 900 islands"
    spans: list[Json] = [{"text": "900", "start": 6, "end": 9}, {"text": "900 islands", "start": 6, "end": 17}]
    ((_, best, rest),) = highlighted({"answers": spans}, {"context": text})
    assert (best, rest) == (Part("900", rank=0), Part(" islands"))
