from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime.errors import BackendError, InputError
from bert_runtime.tasks.multiple_choice import MULTIPLE_CHOICE, MultipleChoiceHead, MultipleChoiceRequest
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForMultipleChoice

REQUESTS = (
    MultipleChoiceRequest(
        "She poured water into the kettle.", ("She made tea.", "She flew.", "A very long way to go.")
    ),
    MultipleChoiceRequest("Café 😍", ("東京は日本の首都です。", "", "Bier 🍺")),
    MultipleChoiceRequest("Only one way out:", ("the door",)),
    MultipleChoiceRequest("word " * 40, ("other " * 40, "other", "other " * 90)),
)


@pytest.fixture(scope="module")
def head(text: TextEncoder) -> MultipleChoiceHead:
    return MultipleChoiceHead(text, HeadSettings())


@pytest.fixture(scope="module")
def model(config: BertConfig) -> BertForMultipleChoice:
    return BertForMultipleChoice(config)


@pytest.mark.exporter
@pytest.mark.parametrize("request_", REQUESTS)
def test_the_rows_are_those_of_the_tokenizer(
    request_: MultipleChoiceRequest, head: MultipleChoiceHead, minilm: Path
) -> None:
    prompts, choices = [request_.prompt] * len(request_.choices), list(request_.choices)
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    expected = tokenizer(prompts, choices, truncation=True, max_length=64, padding=True)
    features = head.encode(request_).features[0]
    assert features.ids.tolist() == expected["input_ids"]
    assert features.type_ids.tolist() == expected["token_type_ids"]
    assert features.mask.tolist() == expected["attention_mask"]


@pytest.mark.exporter
@pytest.mark.parametrize("request_", REQUESTS)
def test_the_answer_is_that_of_torch_on_each_choice_alone(
    request_: MultipleChoiceRequest, head: MultipleChoiceHead, model: BertForMultipleChoice, minilm: Path
) -> None:
    encoded = head.encode(request_)
    (features,) = encoded.features
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    with torch.no_grad():
        together = model(*(torch.tensor(array)[None] for array in (features.ids, features.mask, features.type_ids)))
        rows = [
            tokenizer([(request_.prompt, choice)], truncation=True, max_length=64, return_tensors="pt")
            for choice in request_.choices
        ]
        alone = [model(**{name: tensor[None] for name, tensor in row.items()}).logits.item() for row in rows]
    result = head.decode(request_, encoded, [{"logits": together.logits[0].numpy()}])
    assert result.scores == pytest.approx(torch.tensor(alone).softmax(-1).tolist(), abs=1e-6)
    assert result.choice == int(np.argmax(alone))
    assert result.text == request_.choices[result.choice]


def test_equal_scores_give_the_first_choice(head: MultipleChoiceHead) -> None:
    request = MultipleChoiceRequest("a", ("x", "y", "z"))
    result = head.decode(request, head.encode(request), [{"logits": np.array([1, 2, 2], np.float32)}])
    assert (result.choice, result.text) == (1, "y")


def test_one_cut_choice_marks_the_answer_as_cut(head: MultipleChoiceHead) -> None:
    lengths = (31, 32)
    fits, cut = (head.encode(MultipleChoiceRequest("word " * 30, ("a", "other " * n))) for n in lengths)
    assert (fits.truncated, cut.truncated) == (False, True)


def test_no_choices_are_refused() -> None:
    with pytest.raises(InputError, match="choices is empty, expected at least one text"):
        MultipleChoiceRequest("prompt", ()).check()


def test_choices_that_are_no_strings_are_refused_by_name() -> None:
    with pytest.raises(InputError) as caught:
        MultipleChoiceRequest.from_record({"prompt": "p", "choices": ["a", 2, None]})
    assert [problem.split(" is ")[0] for problem in caught.value.problems] == ["choices[1]", "choices[2]"]


def test_logits_that_are_no_numbers_are_refused(head: MultipleChoiceHead) -> None:
    request = MultipleChoiceRequest("a", ("b", "c"))
    with pytest.raises(BackendError, match="1 of 2 values of 'logits' are NaN or infinite"):
        head.decode(request, head.encode(request), [{"logits": np.array([1, np.nan], np.float32)}])


def test_another_number_of_scores_than_choices_is_refused(head: MultipleChoiceHead) -> None:
    request = MultipleChoiceRequest("a", ("b", "c"))
    with pytest.raises(BackendError, match=r"shape \(3,\), expected \(2 choices,\)"):
        head.decode(request, head.encode(request), [{"logits": np.zeros(3, np.float32)}])


@pytest.mark.parametrize("record", MULTIPLE_CHOICE.examples)
def test_an_example_has_one_row_for_each_choice(record: dict[str, Any], head: MultipleChoiceHead) -> None:
    features = head.encode(MultipleChoiceRequest.from_record(record)).features[0]
    assert len(features.ids) == len(record["choices"])
    assert features.ids.shape == features.type_ids.shape == features.mask.shape
