from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.tasks.fill_mask import FillMaskHead, FillMaskRequest
from bert_runtime.tasks.pretraining import PRETRAINING, PretrainingHead, PretrainingRequest
from bert_runtime.tasks.task import HeadSettings, Outputs
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import BertConfig, BertForPreTraining

PAIR = PretrainingRequest("😍 The [MASK] went out.", "She [MASK] for a [MASK] — 東京.")


@pytest.fixture(scope="module")
def head(text: TextEncoder) -> PretrainingHead:
    return PretrainingHead(text, HeadSettings())


@pytest.fixture(scope="module")
def model(config: BertConfig) -> BertForPreTraining:
    return BertForPreTraining(config)


def plain(model: BertForPreTraining, head: PretrainingHead, request: PretrainingRequest) -> Outputs:
    """What a plain graph gives for one row: (sequence, vocabulary) and (2,)."""
    features = head.encode(request).features[0]
    with torch.no_grad():
        answer = model(torch.tensor(features.ids)[None], token_type_ids=torch.tensor(features.type_ids)[None])
    names = ("prediction_logits", "seq_relationship_logits")
    return {name: getattr(answer, name)[0].numpy() for name in names}


def masked(outputs: Outputs, head: PretrainingHead, request: PretrainingRequest) -> Outputs:
    """What a graph with positions gives: the rows of the masks."""
    positions = head.encode(request).features[0].positions
    return {**outputs, "prediction_logits": outputs["prediction_logits"][positions]}


@pytest.mark.exporter
def test_the_scores_are_those_of_torch(model: BertForPreTraining, head: PretrainingHead) -> None:
    outputs = plain(model, head, PAIR)
    encoded = head.encode(PAIR)
    result = head.decode(PAIR, encoded, [masked(outputs, head, PAIR)])
    rows = torch.tensor(outputs["prediction_logits"])[encoded.features[0].ids == 103].softmax(dim=-1).topk(5)
    masks = result.masks + result.next_masks
    assert (len(result.masks), len(result.next_masks)) == (1, 2)
    assert [[c.token_id for c in mask.candidates] for mask in masks] == rows.indices.tolist()
    for mask, values in zip(masks, rows.values.tolist(), strict=True):
        assert [c.score for c in mask.candidates] == pytest.approx(values, abs=1e-6)
    assert result.score == pytest.approx(
        float(torch.tensor(outputs["seq_relationship_logits"]).softmax(-1)[0]), abs=1e-6
    )
    assert result.is_next == (outputs["seq_relationship_logits"].argmax() == 0)


@pytest.mark.exporter
def test_a_plain_graph_gives_the_same_answer(model: BertForPreTraining, head: PretrainingHead) -> None:
    outputs, encoded = plain(model, head, PAIR), head.encode(PAIR)
    assert head.decode(PAIR, encoded, [outputs]) == head.decode(PAIR, encoded, [masked(outputs, head, PAIR)])


@pytest.mark.exporter
def test_a_mask_is_found_in_the_text_it_stands_in(model: BertForPreTraining, head: PretrainingHead) -> None:
    result = head.decode(PAIR, head.encode(PAIR), [plain(model, head, PAIR)])
    assert PAIR.next_text is not None
    assert [(mask.start, mask.end) for mask in result.masks] == [(6, 12)]
    assert [PAIR.next_text[mask.start : mask.end] for mask in result.next_masks] == ["[MASK]", "[MASK]"]


@pytest.mark.exporter
def test_a_candidate_shows_its_own_text_alone(model: BertForPreTraining, head: PretrainingHead) -> None:
    result = head.decode(PAIR, head.encode(PAIR), [plain(model, head, PAIR)])
    token, next_token = result.masks[0].candidates[0].token, result.next_masks[1].candidates[0].token
    assert result.masks[0].candidates[0].text.split() == ["the", token, "went", "out."]
    assert result.next_masks[1].candidates[0].text.split()[:5] == ["she", "[MASK]", "for", "a", next_token]


@pytest.mark.exporter
def test_one_text_is_answered_as_fill_mask_answers_it(
    model: BertForPreTraining, head: PretrainingHead, text: TextEncoder
) -> None:
    request = PretrainingRequest("The [MASK] sat [MASK].", top_k=3)
    outputs = plain(model, head, request)
    result = head.decode(request, head.encode(request), [outputs])
    fill_mask, same = FillMaskHead(text, HeadSettings()), FillMaskRequest("The [MASK] sat [MASK].", top_k=3)
    expected = fill_mask.decode(same, fill_mask.encode(same), [{"logits": outputs["prediction_logits"]}])
    assert result.masks == expected.masks
    assert (result.next_masks, result.is_next, result.score) == ((), None, None)


@pytest.mark.parametrize("rows", [0, 5])
def test_two_texts_need_no_mask(rows: int, head: PretrainingHead) -> None:
    request = PretrainingRequest("one", "two")
    outputs = {
        "prediction_logits": np.zeros((rows, 9), np.float32),
        "seq_relationship_logits": np.array([0, 9], np.float32),
    }
    result = head.decode(request, head.encode(request), [outputs])
    assert (result.masks, result.next_masks, result.is_next) == ((), (), False)


def test_one_text_without_a_mask_is_an_error_that_names_both_ways_out(head: PretrainingHead) -> None:
    with pytest.raises(InputError, match=r"write \[MASK\] .* or give a next_text"):
        head.encode(PretrainingRequest("no mask"))


def test_masks_lost_from_both_texts_are_named_at_once(head: PretrainingHead) -> None:
    with pytest.raises(InputError) as caught:
        head.encode(PretrainingRequest("word " * 60 + "[MASK]", "[MASK] " + "word " * 60 + "[MASK]"))
    assert [problem.split(", expected")[0] for problem in caught.value.problems] == [
        "text has 61 tokens, of which the model reads 30: 1 of 1 masks are cut off",
        "next_text has 62 tokens, of which the model reads 31: 1 of 2 masks are cut off",
    ]


@pytest.mark.parametrize(("words", "truncated"), [(30, False), (31, True)])
def test_a_pair_that_is_too_long_is_marked_as_cut(words: int, truncated: bool, head: PretrainingHead) -> None:
    assert head.encode(PretrainingRequest("word " * 31, "word " * words)).truncated is truncated


def test_no_candidates_are_refused() -> None:
    with pytest.raises(InputError, match="top_k is -1, expected at least 1"):
        PretrainingRequest("[MASK]", top_k=-1).check()


@pytest.mark.exporter
@pytest.mark.parametrize("name", ["prediction_logits", "seq_relationship_logits"])
def test_logits_that_are_no_numbers_are_refused(name: str, model: BertForPreTraining, head: PretrainingHead) -> None:
    outputs = dict(plain(model, head, PAIR))
    outputs[name] = np.full_like(outputs[name], np.nan)
    with pytest.raises(BackendError, match=f"values of '{name}' are NaN or infinite"):
        head.decode(PAIR, head.encode(PAIR), [outputs])


def test_a_tokenizer_without_a_mask_is_refused(minilm: Path, text: TextEncoder) -> None:
    maskless = TextEncoder.from_file(minilm / "tokenizer.json", replace(text.record, mask_id=None))
    with pytest.raises(BundleError, match="the id of a mask"):
        PretrainingHead(maskless, HeadSettings())


@pytest.mark.parametrize("record", PRETRAINING.examples)
def test_an_example_has_all_its_masks_within_the_sequence(record: dict[str, Any], head: PretrainingHead) -> None:
    positions = head.encode(PretrainingRequest.from_record(record)).features[0].positions
    assert positions is not None
    assert len(positions) == (record["text"] + record.get("next_text", "")).count("[MASK]")
