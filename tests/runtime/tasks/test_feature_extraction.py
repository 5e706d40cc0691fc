from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.tasks.feature_extraction import (
    FEATURE_EXTRACTION,
    FeatureExtractionHead,
    FeatureExtractionRequest,
    pool,
)
from bert_runtime.tasks.task import HeadSettings, Outputs
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import AutoTokenizer, BertConfig, BertModel

TEXTS = ("A man is playing a guitar.", "Café 😍👍🏽 東京", "", "word " * 90)
MEAN = HeadSettings(pooling="mean", normalize=True)


def head(text: TextEncoder, pooling: str = "mean", normalize: bool = True) -> FeatureExtractionHead:
    return FeatureExtractionHead(text, HeadSettings(pooling=pooling, normalize=normalize))


@pytest.fixture(scope="module")
def model(config: BertConfig) -> BertModel:
    return BertModel(config)


def plain(model: BertModel, extraction: FeatureExtractionHead, request: FeatureExtractionRequest) -> Outputs:
    """What a plain graph gives for one row: (sequence, hidden) and (hidden,)."""
    with torch.no_grad():
        answer = model(torch.tensor(extraction.encode(request).features[0].ids)[None])
    return {name: getattr(answer, name)[0].numpy() for name in ("last_hidden_state", "pooler_output")}


def sentence_transformers(
    states: np.ndarray[Any, Any], mask: list[int], mode: Literal["mean", "cls"], normalize: bool
) -> np.ndarray[Any, Any]:
    """The vector of the modules themselves."""
    features = {"token_embeddings": torch.tensor(states)[None], "attention_mask": torch.tensor(mask)[None]}
    features = Pooling(states.shape[-1], mode)(features)
    answer = (Normalize()(features) if normalize else features)["sentence_embedding"][0].numpy()
    assert isinstance(answer, np.ndarray)
    return answer


@pytest.mark.exporter
@pytest.mark.parametrize("text_", TEXTS)
@pytest.mark.parametrize("mode", ["mean", "cls"])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_plain_graph_is_pooled_as_sentence_transformers_pools(
    text_: str, mode: Literal["mean", "cls"], normalize: bool, model: BertModel, text: TextEncoder
) -> None:
    extraction, request = head(text, mode, normalize), FeatureExtractionRequest(text_)
    outputs, encoded = plain(model, extraction, request), extraction.encode(request)
    vector = extraction.decode(request, encoded, [outputs]).vector
    expected = sentence_transformers(outputs["last_hidden_state"], encoded.features[0].mask.tolist(), mode, normalize)
    np.testing.assert_allclose(vector, expected, atol=1e-6)


@pytest.mark.exporter
@pytest.mark.parametrize("mask", [[1, 1, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0]])
@pytest.mark.parametrize("normalize", [True, False])
def test_the_mean_leaves_padding_out_as_sentence_transformers_does(mask: list[int], normalize: bool) -> None:
    states = np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32)
    vector = pool(states, np.array(mask), HeadSettings(pooling="mean", normalize=normalize))
    np.testing.assert_allclose(vector, sentence_transformers(states, mask, "mean", normalize), atol=1e-6)


@pytest.mark.exporter
@pytest.mark.parametrize("normalize", [True, False])
def test_the_pooler_of_a_plain_graph_is_the_models_own(normalize: bool, model: BertModel, text: TextEncoder) -> None:
    extraction, request = head(text, "pooler", normalize), FeatureExtractionRequest("A man.")
    outputs = plain(model, extraction, request)
    vector = extraction.decode(request, extraction.encode(request), [outputs]).vector
    expected = torch.tensor(outputs["pooler_output"])
    expected = torch.nn.functional.normalize(expected, dim=0) if normalize else expected
    np.testing.assert_allclose(vector, expected.numpy(), atol=1e-6)


def test_the_vector_of_a_graph_that_pools_is_taken_as_it_is(text: TextEncoder) -> None:
    extraction, request = head(text), FeatureExtractionRequest("a")
    batch = np.arange(6, dtype=np.float32).reshape(2, 3)
    outputs = {"last_hidden_state": np.ones((3, 3), np.float32), "sentence_embedding": batch[1]}
    vector = extraction.decode(request, extraction.encode(request), [outputs]).vector
    assert vector.dtype == np.float32
    assert vector.tolist() == [3, 4, 5]
    assert vector.base is None, "a view would keep the whole batch in memory"
    assert not vector.flags.writeable


@pytest.mark.exporter
@pytest.mark.parametrize("text_", TEXTS)
def test_the_row_is_that_of_the_tokenizer(text_: str, text: TextEncoder, minilm: Path) -> None:
    expected = AutoTokenizer.from_pretrained(minilm)(text_, truncation=True, max_length=64)
    encoded = head(text).encode(FeatureExtractionRequest(text_))
    assert encoded.features[0].ids.tolist() == expected["input_ids"]
    assert encoded.truncated is (text_ == TEXTS[3])


@pytest.mark.parametrize(
    ("pooling", "available", "fetched"),
    [
        ("mean", ("last_hidden_state", "sentence_embedding"), "sentence_embedding"),
        ("pooler", ("last_hidden_state", "sentence_embedding"), "sentence_embedding"),
        ("mean", ("last_hidden_state", "pooler_output"), "last_hidden_state"),
        ("cls", ("last_hidden_state",), "last_hidden_state"),
        ("pooler", ("last_hidden_state", "pooler_output"), "pooler_output"),
    ],
)
def test_only_one_output_is_fetched(pooling: str, available: tuple[str, ...], fetched: str, text: TextEncoder) -> None:
    assert head(text, pooling).fetch(available) == (fetched,)


def test_a_graph_without_the_pooler_that_is_asked_for_is_refused(text: TextEncoder) -> None:
    with pytest.raises(BundleError, match="gives last_hidden_state, expected sentence_embedding or pooler_output"):
        head(text, "pooler").fetch(("last_hidden_state",))


def test_missing_settings_are_named_at_once(text: TextEncoder) -> None:
    with pytest.raises(BundleError, match=r"pooling is 'median', expected mean, cls, .*; normalize is missing"):
        FeatureExtractionHead(text, HeadSettings(pooling="median"))


def test_a_result_becomes_json_as_its_docstring_says(text: TextEncoder) -> None:
    extraction, request = head(text), FeatureExtractionRequest("a")
    outputs = {"sentence_embedding": np.array([0.5, -1.0], np.float32)}
    result = extraction.decode(request, extraction.encode(request), [outputs])
    assert json.dumps(asdict(result), default=np.ndarray.tolist) == '{"vector": [0.5, -1.0], "truncated": false}'


@pytest.mark.parametrize("name", ["sentence_embedding", "last_hidden_state"])
def test_values_that_are_no_numbers_are_refused(name: str, text: TextEncoder) -> None:
    extraction, request = head(text), FeatureExtractionRequest("a")
    values = np.array([[np.nan, 1], [1, 1], [1, 1]], np.float32)
    outputs = {name: values[0] if name == "sentence_embedding" else values}
    with pytest.raises(BackendError, match=f"values of '{name}' are NaN or infinite"):
        extraction.decode(request, extraction.encode(request), [outputs])


def test_a_second_text_is_refused() -> None:
    with pytest.raises(InputError, match="unknown field 'text_pair'; the fields are text"):
        FeatureExtractionRequest.from_record({"text": "a", "text_pair": "b"})


@pytest.mark.parametrize("record", FEATURE_EXTRACTION.examples)
def test_an_example_is_one_row(record: dict[str, Any], text: TextEncoder) -> None:
    features = head(text).encode(FeatureExtractionRequest.from_record(record)).features
    assert [row.ids.ndim for row in features] == [1]
