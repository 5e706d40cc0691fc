"""What the names and shapes of saved weights say before any memory is taken for a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.printable import listed
from bert_export.checkpoint.weights import Saved
from bert_export.families import FAMILIES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from bert_export.families import Family

WORDS = tuple({f"{family.embeddings.words}.weight": None for family in FAMILIES})
"""What the name of the word embeddings ends with, in any family."""
CLASSIFIERS = ("classifier.weight", "classifier.out_proj.weight")
# What wraps a model, and puts its own name before each weight's -> how to save without it.
WRAPPERS = {
    "module.": "saved from DataParallel or DistributedDataParallel: save model.module.state_dict()",
    "_orig_mod.": "saved from torch.compile: save model._orig_mod.state_dict()",
    "_fsdp_wrapped_module.": "saved from FSDP: gather a full state_dict",
    "model.": "saved from a class of its own that holds the model: save model.model.state_dict()",
    "auto_model.": "saved from sentence-transformers' Transformer: use SentenceTransformer.save_pretrained",
    "base_model.model.": "saved from PEFT: use merge_and_unload().save_pretrained, or give the adapter as --adapter",
}

WRAPPED = "save the model inside by itself, with its own save_pretrained"


def check_names(saved: Mapping[str, Saved], family: Family, findings: Findings) -> bool:
    """Whether these can be the family's weights; a problem says how else they were saved."""
    problems = [*_wrapped(saved, family), *_empty(saved), *_quantised(saved)]
    words = f"{family.embeddings.words}.weight"
    if not problems and not any(name.endswith(words) for name in saved):
        problems.append(
            f"the weights hold no {words}: found {listed(sorted(saved), 5) or 'none'}; expected those of a "
            f"{family.title}, as save_pretrained writes them"
        )
    findings.problems += problems
    return not problems


def check_filled(saved: Mapping[str, Saved], findings: Findings) -> None:
    """A problem for tensors without values."""
    findings.problems += _empty(saved)


def check_sizes(config: PreTrainedConfig, family: Family, saved: Mapping[str, Saved], findings: Findings) -> None:
    """Problems where config.json asks for more layers than there are, or for embeddings of another size."""
    for end, shape in _expected(config, family).items():
        for name, tensor in saved.items():
            if name.removeprefix(f"{family.attribute}.") == end and tensor.shape != shape:
                findings.problems.append(
                    f"{name} has the shape {list(tensor.shape)} in the checkpoint, expected {list(shape)}: correct "
                    "config.json"
                )
    layer = re.compile(rf"(?:{family.attribute}\.)?{re.escape(family.layers)}\.(\d{{1,6}})\.")
    layers = 1 + max((int(found[1]) for name in saved if (found := layer.match(name))), default=-1)
    asked, key = family.value(config, "num_hidden_layers"), family.config.of("num_hidden_layers")
    if asked > layers:
        findings.problems.append(
            f"config.json says {key} {asked}, expected at most {layers}: the checkpoint "
            "lacks weights of the encoder beyond them; give the checkpoint's own config.json"
        )


def _expected(config: PreTrainedConfig, family: Family) -> dict[str, tuple[int, int]]:
    """Weight -> its shape, of those whose sizes config.json tells."""
    names, width, value = family.embeddings, getattr(config, family.config.own_width), family.value
    expected = {
        names.words: (config.vocab_size, width),
        names.positions: (value(config, "max_position_embeddings"), width),
        f"{family.layers}.0.{family.layer.intermediate}": (
            value(config, "intermediate_size"),
            value(config, "hidden_size"),
        ),
    }
    if names.types:
        expected[names.types] = (family.types(config), width)
    return {f"{name}.weight": shape for name, shape in expected.items()}


def label_rows(saved: Mapping[str, Saved]) -> int | None:
    """The number of labels that a classifier was saved for; None without one."""
    classifier = next((saved[name] for name in CLASSIFIERS if name in saved), None)
    return classifier.shape[0] if classifier and len(classifier.shape) == 2 else None


def _wrapped(saved: Mapping[str, Saved], family: Family) -> Iterator[str]:
    own, words = f"{family.attribute}.", f"{family.embeddings.words}.weight"
    places = sorted({name.removesuffix(words).removesuffix(own) for name in saved if name.endswith(words)})
    if places and "" not in places:
        cause = next((cause for prefix, cause in WRAPPERS.items() if places[0].startswith(prefix)), WRAPPED)
        yield f"the names of the weights begin with {places[0]!r}, expected names such as {own}{words}: {cause}"


def _empty(saved: Mapping[str, Saved]) -> Iterator[str]:
    empty = sorted(name for name, tensor in saved.items() if 0 in tensor.shape)
    if empty:
        yield (
            f"weights without values: {listed(empty, 5)} of the shape {list(saved[empty[0]].shape)}; expected whole "
            "weights: DeepSpeed ZeRO-3 saves such shells; gather them with zero_to_fp32.py, or train with "
            "stage3_gather_16bit_weights_on_model_save"
        )


def _quantised(saved: Mapping[str, Saved]) -> Iterator[str]:
    found = sorted(name for name, tensor in saved.items() if name.endswith("weight") and not tensor.is_floating)
    if found:
        yield (
            f"weights that are no floating-point numbers of 16 bits or more: {listed(found, 5)}; the checkpoint is "
            "quantised: give the original"
        )
