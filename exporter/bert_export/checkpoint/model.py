"""Load the task's class in fp32 with every weight accounted for."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from bert_export.checkpoint.adapter import Adapter
from bert_export.checkpoint.findings import Findings, reading
from bert_export.checkpoint.merging import fit_vocabulary, merge
from bert_export.checkpoint.printable import listed
from bert_export.checkpoint.weights_gate import Loaded, check_meaning, check_weights, means_the_same, note_unused
from bert_export.families import find_family

SEED = 0  # of weights that --allow-random-head permits


def load_base(folder: Path, model_class: str, config: PreTrainedConfig) -> tuple[PreTrainedModel, Loaded]:
    """The class named `model_class` with the weights of `folder`, and what transformers reports about them.

    Raises:
        CheckpointError: transformers cannot build the model or read the weights.
    """
    kind = getattr(transformers, model_class)
    with (
        reading("the model", "expected weights and a config.json of one model: correct them"),
        torch.random.fork_rng([]),
    ):
        torch.manual_seed(SEED)
        model, info = kind.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            weights_only=True,
            ignore_mismatched_sizes=True,  # the gate names them all, where transformers would raise its own
            output_loading_info=True,
        )
    mismatched = tuple((name, tuple(got), tuple(expected)) for name, got, expected in info["mismatched_keys"])
    loaded = Loaded(
        frozenset(info["missing_keys"]), frozenset(info["unexpected_keys"]), mismatched, tuple(info["error_msgs"])
    )
    return model, loaded


def drop_pooler(model: PreTrainedModel, loaded: Loaded) -> Loaded:
    """Take away a pooler that the checkpoint lacks, where the vectors come from elsewhere: nothing random stays."""
    poolers = {name for name in loaded.missing if name.startswith("pooler.")}
    if poolers:
        setattr(model, "pooler", None)  # noqa: B010 - torch's types have no optional modules
    return Loaded(loaded.missing - poolers, loaded.unexpected, loaded.mismatched, loaded.errors)


def gate(
    model: PreTrainedModel,
    loaded: Loaded,
    saved: list[str],
    supplied: set[str],
    allow_random_head: bool,
    findings: Findings,
) -> None:
    """Raise CheckpointError with every weight that has no value of the checkpoint's or the wrong meaning."""
    names = set(model.state_dict())
    family = find_family(model.config.model_type)
    check_weights(loaded, supplied, family, allow_random_head, findings)
    known = [name for name in saved if hasattr(transformers, name)]  # of a class of their own, the user knows more
    own = {name for name in names - loaded.missing - supplied if family.is_head(name)}
    check_meaning(type(model).__name__, known, {name for name in own if not means_the_same(name, family)}, findings)
    findings.check()
    note_unused(loaded, findings)


def finish(model: PreTrainedModel, adapter: Adapter | None, findings: Findings) -> PreTrainedModel:
    """The model ready to trace: adapter merged, no dropout, no gradients, every weight a finite number.

    Raises:
        CheckpointError: the adapter does not fit, or weights that are NaN or infinite.
    """
    if adapter is not None:
        fit_vocabulary(model, adapter)
        model = merge(model, adapter)
    broken = [name for name, weight in model.named_parameters() if not bool(weight.isfinite().all())]
    if broken:
        findings.problems.append(f"NaN or infinite values in {listed(broken)}; expected finite weights: train again")
    findings.check()
    model.requires_grad_(False)
    model.eval()  # type: ignore[no-untyped-call]
    return model
