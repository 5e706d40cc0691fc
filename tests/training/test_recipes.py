"""Training rows say what the runtime will decode, and the loop learns from them."""

from __future__ import annotations

import random

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from tokenizers import Tokenizer
from training.adapter import build_model
from training.corpora import Line, squad
from training.dequantize_rampart import blocks
from training.held_out import look
from training.loop import batches, train
from training.recipe import BASE, IGNORED, Example, Recipe, Settings, tensors, text_encoder
from training.recipes import RECIPES
from training.recipes.encode import drawn, encoded_examples
from training.recipes.question_answering import featurize
from training.recipes.token_classification import targets
from training.torch_session import torch_session
from transformers import BertConfig, BertForSequenceClassification

from bert_runtime.tasks.task import Features, IntArray

SETTINGS = Settings({}, rank=4, learning_rate=3e-3, batch=4, max_length=32, epochs=12, dropout=0.0)


def example(length: int, label: int = 0) -> Example:
    ids = np.arange(length, dtype=np.int64)
    return Example(Features(ids, ids, np.ones_like(ids)), {"labels": label})


def plain_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def test_a_batch_pads_targets_of_tokens_with_what_the_loss_ignores() -> None:
    rows: list[IntArray] = [np.ones(2, dtype=np.int64), np.ones(3, dtype=np.int64)]
    feeds = tensors([Example(Features(row, row, row), {"labels": row}) for row in rows])

    assert feeds["labels"].tolist() == [[1, 1, IGNORED], [1, 1, 1]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert tensors([example(2, 5), example(3, 6)])["labels"].tolist() == [5, 6]


def test_batches_hold_every_example_once_and_similar_lengths_together() -> None:
    examples = [example(1 + i % 50) for i in range(400)]
    cut = batches(examples, 8, random.Random(0))

    assert sorted(id(e) for batch in cut for e in batch) == sorted(id(e) for e in examples)
    assert max(max(e.length for e in batch) - min(e.length for e in batch) for batch in cut) <= 2


def test_rows_with_other_numbers_of_choices_are_in_other_batches() -> None:
    shapes = [(4, 6), (5, 6), (4, 7), (5, 8)] * 5
    arrays = [np.ones(shape, dtype=np.int64) for shape in shapes]
    cut = batches([Example(Features(ids, ids, ids), {"labels": 0}) for ids in arrays], 4, random.Random(0))

    assert sum(map(len, cut)) == 20
    assert all(len({each.row.ids.shape[0] for each in batch}) == 1 for batch in cut)
    assert {tensors(batch)["input_ids"].shape[1] for batch in cut} == {4, 5}


def test_every_piece_of_an_entity_is_labelled_and_its_first_begins_it() -> None:
    recipe = RECIPES["token-classification"]
    text = "Zoltan Xyzzyvich went"
    line: Line = {"text": text, "entities": [{"start": 0, "end": 16, "label": "PER"}]}
    [found] = encoded_examples(recipe.task, recipe.head, [line], 64, targets)
    labels = found.targets["labels"]
    assert isinstance(labels, np.ndarray)
    named = [recipe.head.labels[i] if i != IGNORED else "-" for i in labels.tolist()]
    pieces = len(plain_tokenizer().encode(text[:16], add_special_tokens=False).ids)

    assert pieces > 2
    assert named == ["-", "B-PER", *["I-PER"] * (pieces - 1), "O", "-"]


def test_a_window_of_a_long_context_holds_the_whole_answer() -> None:
    tokenizer = plain_tokenizer()
    context = " ".join(f"word{i}" for i in range(300))
    first = context.index("word150 word151")
    item = squad.Question("1", "which one?", context, (("word150 word151", first),))
    for seed in range(5):
        found = featurize(tokenizer, item, 64, random.Random(seed))
        assert found is not None
        assert found.length <= 64
        start, end = found.targets["start_positions"], found.targets["end_positions"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        assert tokenizer.decode(found.row.ids[start : end + 1].tolist()) == "word150 word151"
    assert featurize(tokenizer, squad.Question("1", "q", context, ((context, 0),)), 64, random.Random(0)) is None


def test_a_gold_that_the_head_does_not_know_stops_the_training() -> None:
    recipe = RECIPES["text-classification"]
    with pytest.raises(ValueError, match="label is the string 'meh', expected one of negative, positive"):
        encoded_examples(recipe.task, recipe.head, [{"text": "t", "label": "meh"}], 32, lambda *_: {})


def test_a_seeded_sample_is_drawn_where_fewer_are_asked_for() -> None:
    lines: list[Line] = [{"text": str(i)} for i in range(20)]

    assert drawn(lines, 20, SETTINGS) == lines
    assert len(drawn(lines, 5, SETTINGS)) == 5
    assert drawn(lines, 5, SETTINGS) == drawn(lines, 5, SETTINGS)


def test_the_loop_learns_what_a_token_says() -> None:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    model = BertForSequenceClassification(config)
    rows = [np.array([1, 2 + i % 2, 3 + i % 7], dtype=np.int64) for i in range(40)]
    examples = [
        Example(Features(row, np.zeros_like(row), np.ones_like(row)), {"labels": int(row[1] == 3)}) for row in rows
    ]
    train(model, examples, SETTINGS)
    model.eval()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        feeds = tensors(examples)
        assert torch.equal(model(**feeds).logits.argmax(-1), feeds["labels"])


def test_the_adapter_trains_the_head_whole_and_the_encoder_in_low_rank() -> None:
    recipe: Recipe = RECIPES["text-classification"]
    model = build_model(recipe, SETTINGS)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}

    assert all("lora_" in name or "classifier.modules_to_save" in name for name in trained)
    assert model.config.id2label == {0: "negative", 1: "positive"}
    session = torch_session(model, recipe.task, recipe.head, text_encoder())  # type: ignore[arg-type]
    found = look(session, [{"text": "good", "label": "positive"}, {"text": "good", "label": "negative"}])
    assert found["accuracy"].value == 0.5


def test_blocks_of_four_bits_stand_for_what_the_kernel_computes_with() -> None:
    """The identity through MatMulNBits gives the matrix back, transposed."""
    generator = np.random.default_rng(0)
    packed = generator.integers(0, 256, (5, 2, 16), dtype=np.uint8)
    scales = generator.normal(size=(5, 2)).astype(np.float32)
    node = helper.make_node(
        "MatMulNBits", ["x", "b", "s"], ["y"], domain="com.microsoft", K=64, N=5, bits=4, block_size=32
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [64, 5])],
        [
            helper.make_tensor("b", TensorProto.UINT8, packed.shape, packed.tobytes(), raw=True),
            helper.make_tensor("s", TensorProto.FLOAT, [10], scales.ravel().tolist()),
        ],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    [product] = session.run(None, {"x": np.eye(64, dtype=np.float32)})

    np.testing.assert_allclose(blocks(packed, scales), np.asarray(product).T, atol=1e-6)
