from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.tasks.fill_mask import FILL_MASK, FillMaskHead, FillMaskRequest, FillMaskResult
from bert_runtime.tasks.mask_tokens import MaskResult
from bert_runtime.tasks.task import HeadSettings, Outputs
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, pipeline

SINGLE = (
    "Paris is the [MASK] of France.",
    "[MASK]",
    "He doesn't play[MASK], does he ? No , never !",
    "Café 😍👍🏽 in [MASK] — 東京も。",
    "[MASK]\u0301 [SEP] a stray mark, [PAD] and [UNK]",
)
SEVERAL = (
    "The [MASK] sat on the [MASK], and nobody [MASK].",
    "so [MASK][MASK]",
    "one [MASK] [PAD] two [MASK]",
    "😍 [MASK] Zürich [MASK] [UNK] 東京",
)


@pytest.fixture(scope="module")
def head(text: TextEncoder) -> FillMaskHead:
    return FillMaskHead(text, HeadSettings())


@pytest.fixture(scope="module")
def model(config: BertConfig) -> BertForMaskedLM:
    return BertForMaskedLM(config)


@pytest.fixture(scope="module")
def oracle(model: BertForMaskedLM, minilm: Path) -> Any:
    return pipeline("fill-mask", model=model, tokenizer=AutoTokenizer.from_pretrained(minilm))


def logits(model: BertForMaskedLM, head: FillMaskHead, request: FillMaskRequest) -> Outputs:
    """What a plain graph gives for one row: (sequence, vocabulary)."""
    features = head.encode(request).features[0]
    with torch.no_grad():
        answer = model(torch.tensor(features.ids)[None], torch.tensor(features.mask)[None]).logits
    return {"logits": answer[0].numpy()}


def answer(model: BertForMaskedLM, head: FillMaskHead, request: FillMaskRequest) -> FillMaskResult:
    """The answer from the rows of the masks alone."""
    encoded = head.encode(request)
    rows = logits(model, head, request)["logits"][encoded.features[0].positions]
    return head.decode(request, encoded, [{"logits": rows}])


def assert_equal(mask: MaskResult, expected: list[dict[str, Any]]) -> None:
    assert [candidate.token_id for candidate in mask.candidates] == [row["token"] for row in expected]
    assert [candidate.token for candidate in mask.candidates] == [row["token_str"] for row in expected]
    sentences = [row["sequence"].removeprefix("[CLS] ").removesuffix(" [SEP]") for row in expected]
    assert [candidate.text for candidate in mask.candidates] == sentences
    scores = [candidate.score for candidate in mask.candidates]
    assert scores == pytest.approx([row["score"] for row in expected], abs=1e-6)


@pytest.mark.exporter
@pytest.mark.parametrize("text_", SINGLE)
def test_one_mask_equals_the_pipeline(text_: str, model: BertForMaskedLM, head: FillMaskHead, oracle: Any) -> None:
    result = answer(model, head, FillMaskRequest(text_, top_k=8))
    assert len(result.masks) == 1
    assert_equal(result.masks[0], oracle(text_, top_k=8))


@pytest.mark.exporter
@pytest.mark.parametrize("text_", SEVERAL)
def test_several_masks_equal_the_pipeline_but_for_cls_and_sep(
    text_: str, model: BertForMaskedLM, head: FillMaskHead, oracle: Any
) -> None:
    result = answer(model, head, FillMaskRequest(text_))
    expected = oracle(text_)
    assert len(result.masks) == len(expected) == text_.count("[MASK]")
    for mask, rows in zip(result.masks, expected, strict=True):
        assert_equal(mask, rows)


@pytest.mark.exporter
@pytest.mark.parametrize("text_", [SINGLE[0], SEVERAL[0]])
@pytest.mark.parametrize(
    "targets", [("paris",), ("dog", "cat", "##s", "dog", "the"), ("one", "two", "three", "four", "five", "six")]
)
def test_targets_equal_the_pipeline(
    text_: str, targets: tuple[str, ...], model: BertForMaskedLM, head: FillMaskHead, oracle: Any
) -> None:
    result = answer(model, head, FillMaskRequest(text_, targets=targets))
    expected = oracle(text_, targets=list(targets))
    for mask, rows in zip(result.masks, expected if len(result.masks) > 1 else [expected], strict=True):
        assert_equal(mask, rows)


@pytest.mark.exporter
@pytest.mark.parametrize("text_", [*SINGLE, *SEVERAL])
def test_a_plain_graph_gives_the_same_answer(text_: str, model: BertForMaskedLM, head: FillMaskHead) -> None:
    request = FillMaskRequest(text_)
    plain = head.decode(request, head.encode(request), [logits(model, head, request)])
    assert plain == answer(model, head, request)


@pytest.mark.exporter
def test_offsets_are_the_characters_of_the_mask(model: BertForMaskedLM, head: FillMaskHead) -> None:
    text_ = "👍🏽 Zoe\u0308 [MASK], 東京[MASK]"
    masks = answer(model, head, FillMaskRequest(text_)).masks
    assert [mask.start for mask in masks] == [8, 18]
    assert [text_[mask.start : mask.end] for mask in masks] == ["[MASK]", "[MASK]"]


@pytest.mark.exporter
def test_all_of_the_vocabulary_can_be_asked_for(model: BertForMaskedLM, head: FillMaskHead) -> None:
    candidates = answer(model, head, FillMaskRequest("a [MASK]", top_k=99_999)).masks[0].candidates
    assert len(candidates) == model.config.vocab_size
    assert sum(candidate.score for candidate in candidates) == pytest.approx(1.0)


@pytest.mark.exporter
def test_a_mask_within_the_sequence_is_filled_though_the_text_is_cut(
    model: BertForMaskedLM, head: FillMaskHead
) -> None:
    fits = answer(model, head, FillMaskRequest("[MASK]" + " word" * 61))
    cut = answer(model, head, FillMaskRequest("[MASK]" + " word" * 62))
    assert (fits.truncated, cut.truncated) == (False, True)
    assert cut.masks == fits.masks


def test_a_mask_beyond_the_sequence_is_an_error(head: FillMaskHead) -> None:
    with pytest.raises(
        InputError, match=r"text has 63 tokens, of which the model reads 62: 1 of 2 masks are cut off.*shorten text"
    ):
        head.encode(FillMaskRequest("[MASK]" + " word" * 61 + "[MASK]"))


@pytest.mark.parametrize("text_", ["", "no mask", "[mask]", "[ MASK ]"])
def test_a_text_without_a_mask_is_an_error_that_says_how_to_write_one(text_: str, head: FillMaskHead) -> None:
    with pytest.raises(InputError, match=r"text has no \[MASK\], expected one or more: write \[MASK\]"):
        head.encode(FillMaskRequest(text_))


def test_every_problem_of_a_request_is_named_at_once(head: FillMaskHead) -> None:
    with pytest.raises(InputError) as caught:
        head.encode(FillMaskRequest("no mask", targets=("Paris", "cat", "unbelievably", "")))
    assert [problem.split(",")[0] for problem in caught.value.problems] == [
        "text has no [MASK]",
        "target 'Paris' is not in the vocabulary",
        "target 'unbelievably' is not in the vocabulary",
        "target '' is not in the vocabulary",
    ]
    assert "reads it as 'un', '##bel', '##ie', '##va', '##bly'" in caught.value.problems[2]


def test_no_candidates_and_no_targets_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        FillMaskRequest("[MASK]", top_k=0, targets=()).check()
    assert [problem.split(",")[0] for problem in caught.value.problems] == ["top_k is 0", "targets is empty"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_refused(value: float, head: FillMaskHead) -> None:
    request = FillMaskRequest("a [MASK]")
    rows = np.zeros((1, 30522), np.float32)
    rows[0, 7] = value
    with pytest.raises(BackendError, match="1 of 30522 values of 'logits' are NaN or infinite"):
        head.decode(request, head.encode(request), [{"logits": rows}])


def test_logits_of_another_shape_are_refused(head: FillMaskHead) -> None:
    request = FillMaskRequest("a [MASK] [MASK]")
    with pytest.raises(BackendError, match=r"\(4, 9\), expected \(2 masks or 5 tokens, vocabulary\)"):
        head.decode(request, head.encode(request), [{"logits": np.zeros((4, 9), np.float32)}])


def test_a_target_beyond_the_vocabulary_of_the_logits_is_refused(head: FillMaskHead) -> None:
    request = FillMaskRequest("a [MASK]", targets=("cat",))
    with pytest.raises(BackendError, match=r"token 4937 is in tokenizer\.json, but the graph's vocabulary ends at 9"):
        head.decode(request, head.encode(request), [{"logits": np.zeros((1, 9), np.float32)}])


def test_a_tokenizer_without_a_mask_is_refused(minilm: Path, text: TextEncoder) -> None:
    maskless = TextEncoder.from_file(minilm / "tokenizer.json", replace(text.record, mask_id=None))
    with pytest.raises(BundleError, match="the id of a mask"):
        FillMaskHead(maskless, HeadSettings())


def test_the_positions_are_those_of_the_masks(head: FillMaskHead) -> None:
    features = head.encode(FillMaskRequest("the [MASK] sat [MASK]")).features[0]
    assert features.positions is not None
    assert features.positions.tolist() == [2, 4]
    assert replace(features, positions=None).ids.tolist() == [101, 1996, 103, 2938, 103, 102]


@pytest.mark.parametrize("record", FILL_MASK.examples)
def test_an_example_has_masks_within_the_sequence(record: dict[str, Any], head: FillMaskHead) -> None:
    positions = head.encode(FillMaskRequest.from_record(record)).features[0].positions
    assert positions is not None
    assert len(positions) == record["text"].count("[MASK]") > 0
