"""Decoders that read an encoder: `bert_run` and the C++ requests against Python's, word by word."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cpp.conftest import Run
from tests.cpp.heads_peer import HeadsPeer, Json
from tests.cpp.test_bert_run import GOLDEN, assert_close, assert_same_reports
from tests.faults import report_of, without_values

from bert_runtime.cli.files import SOME_SKIPPED
from bert_runtime.errors import InputError
from bert_runtime.tasks.text_generation import TextGenerationRequest

DECODER = GOLDEN / "text-generation-from-source"
ENCODER = GOLDEN / "feature-extraction"
WIDTH = 16
SETTINGS: tuple[Json, ...] = (
    {},
    {"repetition_penalty": 1.3},
    {"num_beams": 3, "num_return_sequences": 2, "repetition_penalty": 1.2},
    {"num_beams": 4, "num_return_sequences": 4, "length_penalty": 0.5, "early_stopping": True},
    {"do_sample": True, "seed": 7, "num_return_sequences": 3},
    {"do_sample": True, "seed": 2**40, "temperature": 2, "top_k": 9, "top_p": 0.8},
    {"eos": "", "special_tokens": "none"},
)
PROMPTS = ("the", "A good film", "no")
TEXTS = ("A film.", "", "the other film was not so good as the first", "Zoë 東京 🎬", "films")


def numbers(tokens: int, seed: int) -> list[list[float]]:
    chance = random.Random(seed)
    return [[round(chance.gauss(0, 1), 3) for _ in range(WIDTH)] for _ in range(tokens)]


def requests() -> Iterator[Json]:
    """Texts and states of several lengths, with every search."""
    for number, settings in enumerate(SETTINGS):
        for prompt in PROMPTS:
            common = {"prompt": prompt, "max_new_tokens": 2 + number, **settings}
            yield {**common, "encoder_text": TEXTS[number % len(TEXTS)]}
            yield {**common, "encoder_text": {"hidden": numbers(1 + number, number)}}
            mask = [1] + [(number + i) % 2 for i in range(number)]
            yield {**common, "encoder_text": {"hidden": numbers(1 + number, number + 50), "mask": mask}}


WRONG_SOURCES: tuple[Any, ...] = (
    *(None, 7, True, 1.5, [], ["a", "b"], [["a"]], "\ud800", "! " * 40),
    *({}, {"mask": [1]}, {"hidden": None}, {"hidden": 3}, {"hidden": "text"}, {"hidden": {}}, {"hidden": []}),
    *({"hidden": [[]]}, {"hidden": [[], []]}, {"hidden": [[[]]]}, {"hidden": [1.0, 2.0]}, {"hidden": [[1.0], 2.0]}),
    *({"hidden": [[1.0], [1.0, 2.0]]}, {"hidden": [["1"]]}, {"hidden": [[None]]}, {"hidden": [[True]]}),
    *({"hidden": [[1e60]]}, {"hidden": [[2**63]]}, {"hidden": [[2**64, 1.5]]}, {"hidden": [[1.5]] * 2, "mask": [1]}),
    *({"hidden": [[1, 2]], "mask": mask} for mask in (None, 1, "a", [], [[1]], [True], [1.0], [2], [-1], [0], [2**63])),
    *({"hidden": [[[1.0]]], "mask": mask} for mask in ([1], [[1]], [2.5])),
    *({"hidden": [[1.0]], "states": [], "a'b": 1, "é": 2}, {"Hidden": [[1.0]], "\t": 1, "\ud800": 2}),
    {"hidden": numbers(2, 1), "mask": [0, 0]},
    {"hidden": numbers(2, 1), "mask": [1, 1, 1]},
    {"hidden": [[0.5] * (WIDTH + 1)]},
    {"hidden": [[1] * WIDTH], "mask": [1], "more": None},
)
FINE_SOURCES: tuple[Any, ...] = (
    {"hidden": [[1, True] * (WIDTH // 2)]},
    {"hidden": [[2**63, 1] * (WIDTH // 2)]},
    {"hidden": [[16777217, -(2**62) - 1] * (WIDTH // 2)]},
    {"hidden": [[1.0, False] * (WIDTH // 2)], "mask": [True * 1]},
    {"hidden": [[1.5] * WIDTH] * 2, "mask": [True, 0]},
)


def test_every_search_over_texts_and_states_gives_the_same_lines(cpp: Run, python: Run, tmp_path: Path) -> None:
    wanted = list(requests())
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in wanted), encoding="utf-8")
    arguments = [str(DECODER), "--encoder", str(ENCODER), "--input", str(tmp_path / "in.jsonl"), "--threads", "1"]
    for budget in ([], ["--max-batch-tokens", "64"], ["--max-batch-size", "1"]):
        ours, theirs = cpp(*arguments, *budget), python(*arguments, *budget)
        assert ours[0] == theirs[0] == 0, ours[2] + theirs[2]
        answers, expected = ours[1].splitlines(), theirs[1].splitlines()
        assert len(answers) == len(expected) == len(wanted)
        for answer, line in zip(answers, expected, strict=True):
            assert_close(json.loads(answer), json.loads(line))


def test_sources_matter_to_what_is_written(cpp: Run) -> None:
    """The comparison above would pass if neither language read its source."""
    lines = [{"prompt": "the", "encoder_text": text, "max_new_tokens": 8, "num_beams": 2} for text in TEXTS]
    code, answers, told = cpp(
        str(DECODER), "--encoder", str(ENCODER), "--input", "-", text="\n".join(map(json.dumps, lines))
    )
    assert code == 0, told
    assert len(set(answers.splitlines())) == len(TEXTS)


@pytest.mark.parametrize("encoder", [True, False])
def test_sources_that_cannot_be_read_are_refused_in_the_same_words(
    encoder: bool, cpp: Run, python: Run, tmp_path: Path
) -> None:
    lines = [{"prompt": "a", "max_new_tokens": 2, "encoder_text": source} for source in (*WRONG_SOURCES, *FINE_SOURCES)]
    lines += [{"prompt": "! " * 40, "max_new_tokens": 2, "encoder_text": source} for source in WRONG_SOURCES]
    lines += [{"prompt": 7, "top_k": -1, "encoder_text": source} for source in WRONG_SOURCES]
    lines += [{"prompt": "a"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    arguments = [str(DECODER), *(["--encoder", str(ENCODER)] if encoder else []), "--threads", "1"]
    files = ["--input", str(tmp_path / "in.jsonl"), "--errors", "skip", "--with-input"]
    ours, theirs = cpp(*arguments, *files), python(*arguments, *files)

    assert ours[0] == theirs[0] == SOME_SKIPPED
    assert_same_reports(ours[2], theirs[2])
    answers, expected = ours[1].splitlines(), theirs[1].splitlines()
    assert len(answers) == len(expected) == len(lines)
    for answer, line in zip(answers, expected, strict=True):
        assert_close(json.loads(answer), json.loads(line))
    assert sum("error" in json.loads(line) for line in expected) == len(lines) - len(FINE_SOURCES)
    as_csv = [*files[:-1], "--output-format", "csv"]
    ours, theirs = cpp(*arguments, *as_csv), python(*arguments, *as_csv)
    assert "\\ud800" in ours[1]
    for one, other in zip(*(csv.DictReader(io.StringIO(text)) for text in (ours[1], theirs[1])), strict=True):
        assert [one[name] for name in ("code", "field", "line")] == [other[name] for name in ("code", "field", "line")]
        assert bool(one["error"]) == bool(other["error"]) == (one["sequences"] == "")


@pytest.fixture(scope="module")
def peer(program: Callable[[str], Path]) -> Iterator[HeadsPeer]:
    with HeadsPeer(program("heads_peer")) as running:
        yield running


LEAVES: tuple[Any, ...] = (0, 1, 1, 1.5, True, 2**63, 2**64, -(2**63), None, "1", {}, 1e300, -0.0)


def nested(chance: random.Random, depth: int) -> Any:
    """Lists in lists, of equal lengths as often as not, with one kind of leaf as often as not."""
    lengths = [chance.randint(0, 3) for _ in range(depth)]
    leaves = [chance.choice(LEAVES)] if chance.random() < 0.5 else chance.sample(LEAVES[:6], 2)
    is_ragged = chance.random() < 0.2

    def level(at: int) -> Any:
        if at == depth or (is_ragged and chance.random() < 0.1):
            return chance.choice(leaves)
        length = lengths[at] + (is_ragged and chance.random() < 0.3)
        return [level(at + 1) for _ in range(length)]

    return level(0)


def test_random_lists_of_numbers_are_arrays_for_both_or_for_neither(peer: HeadsPeer) -> None:
    chance, fine = random.Random(11), 0
    for _ in range(6000):
        source: Json = {"hidden": nested(chance, chance.choice((1, 2, 2, 2, 3)))}
        if chance.random() < 0.6:
            source["mask"] = nested(chance, chance.choice((0, 1, 1, 1, 2)))
        record = {"prompt": "", "encoder_text": source}
        try:
            TextGenerationRequest.from_record(record)
            expected: Json = {}
            fine += 1
        except InputError as error:
            expected = {"error": report_of(error)}
        assert peer("request", task="text-generation", record=record) == expected, record
    assert fine > 200


def test_a_source_may_come_from_a_flag_a_file_or_a_line(cpp: Run, python: Run, tmp_path: Path) -> None:
    loaded = [str(DECODER), "--encoder", str(ENCODER), "--threads", "1"]
    asked = [*loaded, "--prompt", "the", "--max-new-tokens", "4"]
    (tmp_path / "source.txt").write_bytes("\ufeffA film.\r\nAnother.\n".encode())
    records = [
        {"prompt": "the", "encoder_text": "A film, a good one"},
        {"prompt": "the"},
        {"prompt": "", "encoder_text": "films"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    for flags in (
        [*asked, "--encoder-text", "A film."],
        [*asked, "--encoder-text=A film.", "--num-beams", "3", "--num-return-sequences", "3"],
        [*asked, "--encoder-text-file", str(tmp_path / "source.txt")],
        [*asked, "--encoder-text", "a", "--encoder-text-file", "b"],
        [*asked, "--encoder-text-file", str(tmp_path / "missing.txt")],
        [*loaded, "--encoder-text", "A film."],
        [*loaded, "--input", str(tmp_path / "in.jsonl"), "--errors", "skip", "--max-new-tokens", "3"],
        [*loaded, "--input", str(tmp_path / "in.jsonl"), "--encoder-text", "A film.", "--max-new-tokens", "3"],
    ):
        ours, theirs = cpp(*flags), python(*flags)
        assert (ours[0], without_values(ours[2])) == (theirs[0], without_values(theirs[2])), flags
        for answer, line in zip(ours[1].splitlines(), theirs[1].splitlines(), strict=True):
            assert_close(json.loads(answer), json.loads(line))


def test_an_encoder_that_does_not_fit_is_refused_in_the_same_words(cpp: Run, python: Run, tmp_path: Path) -> None:
    asked = ["--prompt", "the", "--encoder-text", "A film.", "--max-new-tokens", "2"]
    plain = str(GOLDEN / "text-generation")
    for flags in (
        [str(DECODER), *asked],
        [str(DECODER), "--prompt", "the", "--max-new-tokens", "2"],
        [str(DECODER), *asked, "--encoder", str(tmp_path / "nowhere")],
        [str(DECODER), *asked, "--encoder", str(tmp_path)],
        [str(DECODER), *asked, "--encoder", str(DECODER)],
        [str(DECODER), *asked, "--encoder", f"{GOLDEN}/./question-answering/"],
        [str(DECODER), *asked, "--encoder"],
        [str(DECODER), *asked, "--encoder", str(ENCODER), "--target", "cuda"],
        [plain, *asked],
        [plain, *asked, "--encoder", str(ENCODER)],
        [plain, *asked, "--encoder", "./some//where/", "--target", "cuda"],
        [str(ENCODER), "--text", "a", "--encoder", str(ENCODER)],
    ):
        ours, theirs = cpp(*flags), python(*flags)
        assert (*ours[:2], without_values(ours[2])) == (*theirs[:2], without_values(theirs[2])), flags
        assert ours[0] == 2
    described = [plain, "--describe", "--json", "--encoder", "somewhere"]
    assert cpp(*described) == python(*described)
