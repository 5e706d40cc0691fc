"""What adapter_config.json may ask of PEFT: nothing that runs code, reads other files, or takes time without bound."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from bert_export.checkpoint.keys import KnownFile, carried, ignored, refused, shown
from bert_export.checkpoint.weights import Saved

MAX_NAMES, MAX_PATTERN = 10_000, 2_000
# PEFT takes these, or the keys of these, as regular expressions.
PATTERNS = ("target_modules", "exclude_modules", "modules_to_save", "layers_pattern", "rank_pattern", "alpha_pattern")
# Sizes of what PEFT allocates, before it reads a weight.
RANKS = ("r", "init_r", "target_r", "rank_pattern", "n_frequency", "num_vectors", "vector_length")
BLOCKS = ("block_size", "boft_block_size", "boft_block_num", "oft_block_size", "num_virtual_tokens")

_MERGED = "the merged weights: PEFT computes them with it"
_BOUNDED = "the merged weights; sizes no larger than the adapter's weights, expressions that match in little time"
_BEGAN = "how training began"

ADAPTER_CONFIG = KnownFile(
    "adapter_config.json",
    "A PEFT adapter's kind and settings. What its kind of adapter has beyond these goes to PEFT as it is.",
    (
        carried("peft_type", "must be a kind that can be merged into the weights"),
        carried("task_type", "the task, where --task is auto"),
        carried(
            "base_model_name_or_path", "compared with the base that is given, in a note; nothing is loaded from it"
        ),
        *(carried(name, _BOUNDED) for name in dict.fromkeys((*RANKS, *BLOCKS, *PATTERNS))),
        *(carried(name, _MERGED) for name in ("lora_alpha", "alpha", "use_rslora", "use_dora", "bias", "lora_bias")),
        *(carried(name, _MERGED) for name in ("fan_in_fan_out", "init_lora_weights", "layers_to_transform")),
        *(carried(name, _MERGED) for name in ("trainable_token_indices", "target_parameters")),
        refused("megatron_config", "peft would import a module that it names; give one trained on transformers' BERT"),
        refused("layer_replication", "it repeats the base's layers; expected an adapter on the layers as they are", []),
        refused("alora_invocation_tokens", "it acts only after certain tokens, so that it cannot be merged"),
        refused("arrow_config", "it chooses among adapters for each token, so that it cannot be merged"),
        refused("prompt_tuning_init_state_dict_path", "it names another file, which is never read"),
        ignored("inference_mode", "how it was saved"),
        ignored("auto_mapping", "the class it was trained on: a name, never imported"),
        ignored("peft_version", "which version saved it"),
        ignored("revision", "the base's revision"),
        ignored("megatron_core", "a module's name, never imported"),
        ignored("*_dropout", "for training alone"),
        ignored("runtime_config", "for the machine it was trained on"),
        *(ignored(name, _BEGAN) for name in ("loftq_config", "eva_config", "corda_config", "lora_ga_config")),
    ),
)


def config_problems(content: Mapping[str, Any], saved: Mapping[str, Saved]) -> Iterator[str]:
    """What keeps PEFT from being given this content; `saved` are the adapter's weights, which bound its ranks."""
    largest = max((size for tensor in saved.values() for size in tensor.shape), default=0)
    for key in (*RANKS, *BLOCKS):
        value = content.get(key)
        for rank in value.values() if isinstance(value, dict) else [value]:
            if isinstance(rank, int | float) and not 0 <= rank <= largest:
                yield (
                    f"adapter_config.json says {key} {shown(value)}, expected at most {largest}, the largest size in "
                    "the adapter's weights: give the adapter's own adapter_config.json"
                )
    for key in PATTERNS:
        found = _strings(content.get(key))
        if len(found) > MAX_NAMES:
            yield f"adapter_config.json has {len(found)} entries in {key}, expected at most {MAX_NAMES}: correct it"
        unbounded = [text for text in found[:MAX_NAMES] if not is_bounded(text)]
        if unbounded:
            yield (
                f"adapter_config.json says {key} {shown(unbounded[0])}, an expression that may take for ever to match; "
                "expected names of modules, or an expression without repeated groups: write the names as a list"
            )


def is_bounded(pattern: str) -> bool:
    """Whether Python's re matches it against a module's name in little time.

    Repetition inside repetition, of alternatives, or more than four in a row make time grow with a power of the length.
    """
    if len(pattern) > MAX_PATTERN:
        return False
    from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415 - the parser of re is in no public place

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = _parser.parse(pattern)
    except (_parser.error, RecursionError, OverflowError, ValueError):
        return False
    repeats = list(_repeats(parsed))
    return len(repeats) <= 4 and all(len(body) == 1 and not _is_compound(body[0][0]) for body in repeats)


def _is_compound(operation: object) -> bool:
    return str(operation) not in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}


def _repeats(parsed: Any) -> Iterator[Any]:
    """The bodies of all repetitions beyond one, found in every sub-pattern."""
    for operation, arguments in parsed:
        name = str(operation)
        if name in {"GROUPREF", "GROUPREF_EXISTS"}:
            yield [(operation, arguments)]  # counted as what may not be repeated
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and arguments[1] > 1:
            yield arguments[2]
        yield from (each for part in _parts(arguments) for each in _repeats(part))


def _parts(arguments: Any) -> Iterator[Any]:
    """The sub-patterns among an operation's arguments."""
    if type(arguments).__name__ == "SubPattern":
        yield arguments
    elif isinstance(arguments, list | tuple):
        for each in arguments:
            yield from _parts(each)


def _strings(value: object) -> list[str]:
    """The expressions in a setting: itself, its entries, or its keys."""
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, list | dict) else []
