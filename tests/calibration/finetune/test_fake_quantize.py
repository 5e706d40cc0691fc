"""In training the network rounds exactly as its artefact will, and nothing of that is left in the checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
import transformers
from benchmarks.finetune import with_outliers
from torch.nn.functional import kl_div, log_softmax
from transformers import BertConfig, BertForSequenceClassification

from bert_calibration import ranges_file
from bert_calibration.errors import CalibrationError
from bert_calibration.finetune.fake_quantize import ActivationRange, fake_weight, insert
from bert_calibration.finetune.finetune import Learned, finetune_fp32, finetune_int8, observe, output_loss
from bert_calibration.finetune.trainer import Batch, FinetuneSettings, batches_of
from bert_calibration.int8_weights import quantized
from bert_calibration.products import find_points
from bert_calibration.ranges import Range
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Features

GOLDEN = Path(__file__).parents[2] / "golden" / "v1"
GRAPH = GOLDEN / "text-classification" / "model.onnx"
CONFIG = BertConfig(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    initializer_range=0.3,
)


def tiny() -> BertForSequenceClassification:
    torch.manual_seed(0)
    model = BertForSequenceClassification(CONFIG)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def random_batches(count: int = 96) -> list[Batch]:
    generator = np.random.default_rng(0)
    rows = [generator.integers(5, 50, size=int(generator.integers(4, 16))) for _ in range(count)]
    features = [Features(row, np.zeros_like(row), np.ones_like(row)) for row in rows]
    return batches_of(features, 0, BatchLimits(max_batch_tokens=128, max_batch_size=8))


def observed(values: torch.Tensor) -> ActivationRange:
    activation = ActivationRange()
    activation.observe(values, None)
    return activation


def test_weights_are_rounded_to_the_integers_of_the_artefact() -> None:
    weight = torch.randn(6, 10)
    integers = quantized(weight.numpy().T.copy(), axis=1)  # stored as (inputs, outputs)

    np.testing.assert_allclose(fake_weight(weight).numpy().T, integers.values * integers.scales, rtol=1e-6)


def test_activations_are_rounded_to_the_integers_of_the_artefact() -> None:
    values = torch.randn(4, 7, 5) * 3
    activation = observed(values)
    low, high = activation.ends()
    scale, zero = Range(low, high).unsigned()
    wider = values * 1.5  # some of it beyond the range
    integers = np.clip(np.rint(wider.numpy() / scale) + zero, 0, 255)

    assert (low, high) == pytest.approx((float(values.min()), float(values.max())), rel=1e-5)
    np.testing.assert_allclose(activation(wider).detach().numpy(), (integers - zero) * scale, atol=1e-5)


def test_gradients_pass_through_rounding_and_stop_beyond_the_range() -> None:
    activation = observed(torch.tensor([-1.0, 1.0]))
    values = torch.tensor([-3.0, 0.3, 3.0], requires_grad=True)
    activation(values).sum().backward()

    assert values.grad is not None
    assert values.grad.tolist() == [0.0, pytest.approx(1.0), 0.0]
    below, above = activation.logarithms.grad.tolist()  # type: ignore[union-attr]  # it was just computed
    assert below < 0 < above  # a longer end makes what it cuts off longer


def test_an_activation_of_zeros_stays_zeros() -> None:
    activation = observed(torch.zeros(2, 3))

    assert activation(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2


def test_padding_does_not_move_a_range() -> None:
    quantization, batches = insert(tiny()), random_batches()
    observe(quantization, batches)
    before = quantization.learned()
    poisoned = [
        {**batch, "input_ids": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, 49)} for batch in batches
    ]
    other = insert(tiny())
    observe(other, poisoned)

    assert any(bool((batch["attention_mask"] == 0).any()) for batch in batches)
    assert other.learned() == {name: pytest.approx(ends, rel=1e-5) for name, ends in before.items()}


@pytest.mark.parametrize("task", ["text-classification", "question-answering", "fill-mask", "pretraining"])
def test_every_activation_of_an_artefact_finds_its_learned_range(task: str) -> None:
    """The golden bundles have heads that read one token, all tokens, and masked positions."""
    graph = GOLDEN / task / "model.onnx"
    model = getattr(transformers, find_task(task).model_class)(CONFIG)
    learned = Learned({name: (-1.0, float(i)) for i, name in enumerate(insert(model).ranges)}, rows=1)
    points = find_points(ir.load(graph))
    ranges = learned.ranges(graph)

    ranges_file.check_belongs(ranges, ranges_file.digest(graph), points)
    assert set(ranges.points) == {point.name for point in points}
    assert ranges.points["bert.encoder.layer.0.output.dense"] == Range(
        *learned.points["bert.encoder.layer.0.output.dense"]
    )


def test_an_activation_that_was_not_learned_is_named() -> None:
    with pytest.raises(CalibrationError, match=r"no range was learned for bert\.encoder\.layer\.0\.attention\.self, "):
        Learned({}, rows=1).ranges(GRAPH)


def test_nothing_of_the_rounding_is_left_in_the_model() -> None:
    model = tiny()
    names, ids = set(model.state_dict()), random_batches()[0]
    before = model(**ids).logits
    quantization = insert(model)
    observe(quantization, [ids])
    quantization.round(on=True)
    rounded = model(**ids).logits
    quantization.remove()

    assert not torch.equal(rounded, before)
    assert torch.equal(model(**ids).logits, before)
    assert set(model.state_dict()) == names


def test_a_model_without_an_encoder_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"Linear has no encoder\.layer\.N, expected a BERT"):
        insert(torch.nn.Linear(2, 2))
    with pytest.raises(CalibrationError, match="no text to fine-tune on"):
        finetune_int8(tiny(), [], FinetuneSettings())


def distance(model: torch.nn.Module, teacher: torch.nn.Module, batches: list[Batch]) -> float:
    """The mean divergence of the answers' probabilities."""
    total = 0.0
    with torch.no_grad():
        for batch in batches:
            found, expected = (log_softmax(side(**batch).logits, dim=-1) for side in (model, teacher))
            total += float(kl_div(found, expected, log_target=True, reduction="sum"))
    return total / sum(len(batch["input_ids"]) for batch in batches)


def test_outlier_channels_change_no_answer_in_fp32() -> None:
    batch, model = random_batches()[0], tiny()
    before = model(**batch).logits
    with_outliers(model, 64.0, channels=(0, 1))

    torch.testing.assert_close(model(**batch).logits, before, atol=1e-4, rtol=1e-4)  # sums in another order
    with pytest.raises(ValueError, match="no attention"):
        with_outliers(torch.nn.Linear(2, 2), 64.0)


def test_fine_tuning_brings_int8_back_to_what_fp32_answered() -> None:
    batches, teacher, model = random_batches(), tiny(), tiny()
    with_outliers(model, 200.0, channels=(0, 1))
    plain = tiny()
    with_outliers(plain, 200.0, channels=(0, 1))
    quantization = insert(plain)
    observe(quantization, batches)
    quantization.round(on=True)
    learned = finetune_int8(model, batches, FinetuneSettings(epochs=8, learning_rate=1e-3))
    tuned = insert(model)
    for name, activation in tuned.ranges.items():
        low, high = learned.points[name]
        activation.observe(torch.tensor([low, high]), None)
    tuned.round(on=True)

    before, after = (distance(one, teacher, batches) for one in (plain, model))
    assert after < 0.5 * before


def test_fp32_fine_tuning_learns_labels() -> None:
    model = tiny()
    batches = [{**batch, "labels": (batch["input_ids"][:, 1] > 25).long()} for batch in random_batches()]
    finetune_fp32(model, batches, FinetuneSettings(epochs=8, learning_rate=3e-3))
    right = [model(**batch).logits.argmax(-1) == batch["labels"] for batch in batches]

    assert float(torch.cat(right).float().mean()) > 0.95


def test_the_same_fine_tuning_twice_learns_the_same() -> None:
    settings = FinetuneSettings(epochs=1)
    one, other = tiny(), tiny()

    assert finetune_int8(one, random_batches(), settings) == finetune_int8(other, random_batches(), settings)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_padding_has_no_part_in_the_loss() -> None:
    real = torch.tensor([[True, True, False]])
    spans, tokens = torch.randn(1, 3), torch.randn(1, 3, 4)
    other_spans, other_tokens = spans.clone(), tokens.clone()
    other_spans[0, 2], other_tokens[0, 2] = 9.0, torch.tensor([9.0, 0.0, 0.0, 0.0])

    assert float(output_loss(other_spans, spans, real, 1.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(output_loss(other_tokens, tokens, real, 1.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(output_loss(spans + torch.tensor([1.0, 0.0, 0.0]), spans, real, 1.0)) > 0.01


def test_learned_ranges_are_kept_as_a_file_of_ranges(tmp_path: Path) -> None:
    learned = Learned(dict.fromkeys(insert(tiny()).ranges, (-1.5, 2.25)), rows=40)
    ranges_file.save(learned.ranges(GRAPH), tmp_path / "ranges.json")
    read = ranges_file.load(tmp_path / "ranges.json")

    assert read == learned.ranges(GRAPH)
    assert read.method == "learned"
