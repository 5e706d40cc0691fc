from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime.errors import BackendError, InputError
from bert_runtime.tasks.next_sentence_prediction import (
    NEXT_SENTENCE_PREDICTION,
    NextSentencePredictionHead,
    NextSentencePredictionRequest,
)
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForNextSentencePrediction

PAIRS = (
    ("The lights went out.", "She looked for a candle."),
    ("Café 😍👍🏽", "東京は日本の首都です。"),
    ("", ""),
    ("word " * 20, "other " * 90),
    ("word " * 90, "other " * 20),
    ("word " * 90, "other " * 91),
)


@pytest.fixture(scope="module")
def head(text: TextEncoder) -> NextSentencePredictionHead:
    return NextSentencePredictionHead(text, HeadSettings())


@pytest.fixture(scope="module")
def model(config: BertConfig) -> BertForNextSentencePrediction:
    return BertForNextSentencePrediction(config)


@pytest.mark.exporter
@pytest.mark.parametrize("pair", PAIRS)
def test_the_row_is_that_of_the_tokenizer(
    pair: tuple[str, str], head: NextSentencePredictionHead, minilm: Path
) -> None:
    # A list of pairs, because one pair with an empty second text is silently read as one text.
    expected = AutoTokenizer.from_pretrained(minilm)([pair], truncation=True, max_length=64)
    features = head.encode(NextSentencePredictionRequest(*pair)).features[0]
    assert [features.ids.tolist()] == expected["input_ids"]
    assert [features.type_ids.tolist()] == expected["token_type_ids"]
    assert [features.mask.tolist()] == expected["attention_mask"]


@pytest.mark.exporter
@pytest.mark.parametrize("pair", PAIRS)
def test_the_score_is_the_likelihood_of_transformers_label_for_the_next_sentence(
    pair: tuple[str, str], head: NextSentencePredictionHead, model: BertForNextSentencePrediction
) -> None:
    request = NextSentencePredictionRequest(*pair)
    encoded = head.encode(request)
    tensors = [torch.tensor(array)[None] for array in (encoded.features[0].ids, encoded.features[0].type_ids)]
    is_next = torch.tensor([0])
    with torch.no_grad():
        answer = model(tensors[0], token_type_ids=tensors[1], labels=is_next)
    result = head.decode(request, encoded, [{"logits": answer.logits[0].numpy()}])
    assert result.score == pytest.approx(float(torch.exp(-answer.loss)), abs=1e-6)
    assert result.is_next == (answer.logits.argmax() == 0)


@pytest.mark.parametrize(("logits", "is_next"), [((2.0, 1.0), True), ((1.0, 2.0), False), ((900.0, -900.0), True)])
def test_the_first_logit_speaks_for_the_next_sentence(
    logits: tuple[float, float], is_next: bool, head: NextSentencePredictionHead
) -> None:
    request = NextSentencePredictionRequest("a", "b")
    result = head.decode(request, head.encode(request), [{"logits": np.array(logits, np.float32)}])
    assert result.is_next is is_next
    assert result.score == pytest.approx(1 / (1 + np.exp(min(logits[1] - logits[0], 700.0))))


def test_a_pair_that_is_too_long_is_marked_as_cut(head: NextSentencePredictionHead) -> None:
    lengths = (31, 32)
    fits, cut = (head.encode(NextSentencePredictionRequest("word " * 30, "other " * n)) for n in lengths)
    assert (fits.truncated, cut.truncated) == (False, True)
    assert len(fits.features[0].ids) == len(cut.features[0].ids) == 64


def test_both_texts_are_needed() -> None:
    with pytest.raises(InputError, match="missing field 'next_text'"):
        NextSentencePredictionRequest.from_record({"text": "a"})


def test_logits_that_are_no_numbers_are_refused(head: NextSentencePredictionHead) -> None:
    request = NextSentencePredictionRequest("a", "b")
    with pytest.raises(BackendError, match="1 of 2 values of 'logits' are NaN or infinite"):
        head.decode(request, head.encode(request), [{"logits": np.array([np.nan, 1], np.float32)}])


def test_logits_of_another_shape_are_refused(head: NextSentencePredictionHead) -> None:
    request = NextSentencePredictionRequest("a", "b")
    with pytest.raises(BackendError, match=r"shape \(3,\), expected \(2 classes,\)"):
        head.decode(request, head.encode(request), [{"logits": np.zeros(3, np.float32)}])


@pytest.mark.parametrize("record", NEXT_SENTENCE_PREDICTION.examples)
def test_an_example_becomes_a_pair(record: dict[str, Any], head: NextSentencePredictionHead) -> None:
    features = head.encode(NextSentencePredictionRequest.from_record(record)).features[0]
    assert set(features.type_ids.tolist()) == {0, 1}
