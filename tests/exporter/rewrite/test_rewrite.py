"""A rewritten head gives the answers of the class in transformers, for every mask and size."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import transformers
from sentence_transformers.sentence_transformer.modules import Pooling
from tests.same import assert_same
from torch import Tensor

from bert_export.errors import OptionError
from bert_export.rewrite import rewrite
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.fill_mask import FILL_MASK
from bert_runtime.tasks.multiple_choice import MULTIPLE_CHOICE
from bert_runtime.tasks.next_sentence_prediction import NEXT_SENTENCE_PREDICTION
from bert_runtime.tasks.pretraining import PRETRAINING
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING
from bert_runtime.tasks.task import HeadSettings, Reads, Task
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION
from bert_runtime.tasks.token_classification import TOKEN_CLASSIFICATION

HEADS = [
    PRETRAINING,
    FILL_MASK,
    NEXT_SENTENCE_PREDICTION,
    TEXT_CLASSIFICATION,
    MULTIPLE_CHOICE,
    TOKEN_CLASSIFICATION,
    QUESTION_ANSWERING,
    FEATURE_EXTRACTION,
]
LONGEST = 64
MASKS = ["none", "right", "left", "holes"]


def tiny(task: Task[Any, Any, Any], attention: str = "eager", activation: str = "gelu", labels: int = 2) -> Any:
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
        hidden_act=activation,
    )
    config.num_labels = labels
    config._attn_implementation = attention
    model = getattr(transformers, task.model_class)(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter.data, std=0.2)
    return model


def mask_of(kind: str, shape: tuple[int, ...]) -> Tensor:
    mask = torch.ones(shape, dtype=torch.int64)
    half = shape[-1] // 2
    if kind == "right":
        mask[0, ..., half:] = 0
    elif kind == "left":
        mask[0, ..., :half] = 0
    elif kind == "holes":
        mask[..., 1::3] = 0
    elif kind == "all padding":
        mask[0] = 0
    return mask


def feed(task: Task[Any, Any, Any], batch: int, sequence: int, kind: str, choices: int = 3) -> list[Tensor]:
    """ids, mask, types, and positions where the task reads them."""
    generator = torch.Generator().manual_seed(batch * 1000 + sequence)
    shape = (batch, choices, sequence) if task.choices else (batch, sequence)
    ids = torch.randint(0, 100, shape, generator=generator)
    types = torch.randint(0, 2, shape, generator=generator)
    tensors = [ids, mask_of(kind, shape), types]
    if task.reads is Reads.MASKED_POSITIONS:
        tensors.append(torch.randint(0, sequence, (batch, min(3, sequence)), generator=generator))
    return tensors


def truth(model: Any, task: Task[Any, Any, Any], tensors: list[Tensor]) -> list[Tensor]:
    """What transformers answers, at the masked positions where the task reads only them."""
    ids, mask, types, *positions = tensors
    with torch.no_grad():
        output = model(ids, attention_mask=mask, token_type_ids=types)
    answers = [getattr(output, spec.name) for spec in task.graph_outputs(plain=True)]
    if positions:
        answers[0] = torch.stack([row[places] for row, places in zip(answers[0], positions[0], strict=True)])
    return answers


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("task", HEADS[:-1], ids=lambda task: task.name)
def test_rewritten_head_answers_like_transformers(task: Task[Any, Any, Any], attention: str) -> None:
    model = tiny(task, attention)
    rewritten = rewrite(model, task)
    for batch, sequence, kind in itertools.product((1, 3), (2, 7, 33, LONGEST), MASKS):
        tensors = feed(task, batch, sequence, kind)
        with torch.no_grad():
            assert_same(rewritten(*tensors), truth(model, task, tensors))


@pytest.mark.parametrize("task", HEADS, ids=lambda task: task.name)
def test_plain_head_answers_like_transformers_with_its_three_inputs(task: Task[Any, Any, Any]) -> None:
    model = tiny(task)
    plain = rewrite(model, task, plain=True)
    tensors = feed(task, 3, 7, "holes")[:3]
    with torch.no_grad():
        assert_same(plain(*tensors), truth(model, task, tensors))


@pytest.mark.parametrize("task", HEADS[:-1], ids=lambda task: task.name)
def test_row_that_is_all_padding_answers_like_eager_attention(task: Task[Any, Any, Any]) -> None:
    model = tiny(task)
    tensors = feed(task, 3, 7, "all padding")
    with torch.no_grad():
        assert_same(rewrite(model, task)(*tensors), truth(model, task, tensors))


@pytest.mark.parametrize("activation", ["gelu_new", "gelu_fast", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu"])
def test_any_activation_answers_like_transformers(activation: str) -> None:
    model = tiny(FILL_MASK, activation=activation)
    tensors = feed(FILL_MASK, 3, 7, "right")
    with torch.no_grad():
        assert_same(rewrite(model, FILL_MASK)(*tensors), truth(model, FILL_MASK, tensors))


def test_rewriting_leaves_the_model_as_it_was_and_shares_its_weights() -> None:
    model = tiny(TEXT_CLASSIFICATION)
    rewritten = rewrite(model, TEXT_CLASSIFICATION)
    assert type(model.bert) is transformers.BertModel
    assert {id(p) for p in rewritten.parameters()} == {id(p) for p in model.parameters()}


def test_last_layer_computes_only_the_first_token() -> None:
    rewritten = rewrite(tiny(TEXT_CLASSIFICATION), TEXT_CLASSIFICATION)
    sizes: list[int] = []
    layers = rewritten.get_submodule("network.bert.encoder.layer")
    list(layers.children())[-1].get_submodule("intermediate.dense").register_forward_hook(
        lambda module, given, made: sizes.append(made.shape[1])
    )
    rewritten(*feed(TEXT_CLASSIFICATION, 3, 7, "none"))
    assert sizes == [1]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "cls", "pooler"])
def test_sentence_embedding_is_that_of_sentence_transformers(pooling: str, normalize: bool) -> None:
    model = tiny(FEATURE_EXTRACTION)
    tensors = feed(FEATURE_EXTRACTION, 3, 7, "holes")
    settings = HeadSettings(pooling=pooling, normalize=normalize)
    with torch.no_grad():
        hidden, vector = rewrite(model, FEATURE_EXTRACTION, settings=settings)(*tensors)
        plain = model(tensors[0], attention_mask=tensors[1], token_type_ids=tensors[2])
    weights = tensors[1].unsqueeze(-1).float()
    means = (plain.last_hidden_state * weights).sum(1) / weights.sum(1)
    expected = {"mean": means, "cls": plain.last_hidden_state[:, 0], "pooler": plain.pooler_output}[pooling]
    expected = torch.nn.functional.normalize(expected) if normalize else expected
    assert_same((hidden, vector), [plain.last_hidden_state, expected])


@pytest.mark.parametrize("kind", ["none", "right", "holes"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens"])
def test_each_pooling_is_that_of_the_library(pooling: Any, kind: str) -> None:
    tensors = feed(FEATURE_EXTRACTION, 3, 7, kind)
    settings = HeadSettings(pooling=pooling, normalize=False)
    with torch.no_grad():
        hidden, vector = rewrite(tiny(FEATURE_EXTRACTION), FEATURE_EXTRACTION, settings=settings)(*tensors)
    features = {"token_embeddings": hidden, "attention_mask": tensors[1]}
    expected = Pooling(hidden.shape[-1], pooling)(features)["sentence_embedding"]
    torch.testing.assert_close(vector, expected, atol=1e-6, rtol=0)


def test_text_that_is_all_padding_has_a_zero_vector() -> None:
    settings = HeadSettings(pooling="mean", normalize=True)
    rewritten = rewrite(tiny(FEATURE_EXTRACTION), FEATURE_EXTRACTION, settings=settings)
    _, vector = rewritten(*feed(FEATURE_EXTRACTION, 2, 7, "all padding"))
    assert torch.equal(vector[0], torch.zeros(32))


def test_unknown_pooling_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="'median', expected one of mean, cls, pooler, max"):
        rewrite(tiny(FEATURE_EXTRACTION), FEATURE_EXTRACTION, settings=HeadSettings(pooling="median"))
