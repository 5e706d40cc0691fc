"""The training loop: AdamW without decay on biases and LayerNorm, linear warm-up then linear decay, batches of similar
length. Everything is seeded."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

import numpy as np
import torch

from training.recipe import Example, Settings, tensors


def batches(examples: Sequence[Example], size: int, rng: random.Random) -> list[list[Example]]:
    """Batches of similar length in random order: shuffled, then sorted inside runs of fifty batches.

    Only rows with the same number of choices share a batch.
    """
    order = list(examples)
    rng.shuffle(order)
    cut = []
    for i in range(0, len(order), 50 * size):
        run = sorted(order[i : i + 50 * size], key=lambda e: (_choices(e), e.length))
        for _, alike in itertools.groupby(run, key=_choices):
            rows = list(alike)
            cut += [rows[k : k + size] for k in range(0, len(rows), size)]
    rng.shuffle(cut)
    return cut


def _choices(example: Example) -> tuple[int, ...]:
    """(choices,) of a row that has them, else ()."""
    return example.row.ids.shape[:-1]


def optimizer_for(model: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """AdamW; biases and LayerNorm are not decayed."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in trained if name.endswith("bias") or "LayerNorm" in name]
    decayed = [p for name, p in trained if not (name.endswith("bias") or "LayerNorm" in name)]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def train(model: torch.nn.Module, examples: Sequence[Example], settings: Settings) -> None:
    """Minimise the model's own loss; prints the running loss every hundred steps."""
    rng = random.Random(settings.seed)
    plan = [batch for _ in range(settings.epochs) for batch in batches(examples, settings.batch, rng)]
    optimizer = optimizer_for(model, settings)
    warm = max(1, int(settings.warmup * len(plan)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (len(plan) - step) / max(1, len(plan) - warm))
    )
    model.train()
    began, losses = time.monotonic(), []
    for step, batch in enumerate(plan, 1):
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bf16):
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
