"""What makes scores of a classifier's logits: what the checkpoint's author wrote down, else what transformers does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bert_export.checkpoint.findings import Findings, read_object
from bert_export.checkpoint.printable import listed
from bert_runtime.tasks.activation import ACTIVATIONS, DEFAULTS, misfit

MODULES: Mapping[str, str] = {
    "none": "torch.nn.modules.linear.Identity",
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
    "softmax": "torch.nn.modules.activation.Softmax",
}
"""Activation -> the class that sentence-transformers names for it."""

_READ = {path: name for name, path in MODULES.items()}
_READ |= {f"torch.nn.{path.rpartition('.')[2]}": name for path, name in _READ.items()}
_WORDS = {"none": "the logits themselves", "sigmoid": "sigmoids of the logits", "softmax": "a softmax of the logits"}
_TASKS = ("text-classification", "sentiment-analysis")
_CROSS_ENCODER_FILE = "config_sentence_transformers.json"


def with_cross_encoder(folder: Path, raw: Mapping[str, Any]) -> dict[str, Any]:
    """config.json with the function that a CrossEncoder names in a file of its own since sentence-transformers 6, under
    the key that earlier releases had in config.json. That file goes first, as in sentence-transformers.

    Raises:
        CheckpointError: the file cannot be read.
    """
    path = folder / _CROSS_ENCODER_FILE
    own = read_object(path) if path.is_file() and (folder / "modules.json").is_file() else {}
    if own.get("model_type") != "CrossEncoder" or own.get("activation_fn") is None:
        return dict(raw)
    before = raw.get("sentence_transformers")
    return {
        **raw,
        "sentence_transformers": {
            **(before if isinstance(before, dict) else {}),
            "activation_fn": own["activation_fn"],
        },
    }


def read_activation(
    raw: Mapping[str, Any], problem_type: str, labels: int, option: str | None, findings: Findings
) -> str | None:
    """The activation of a head with so many labels; None where it is the default of the problem type.

    The option goes first, then what sentence-transformers wrote, then `function_to_apply`, then what transformers'
    pipeline does. What cannot be served becomes a problem, and what a reader would not expect a note.
    """
    usual = _usual(problem_type, labels)
    given = list(_given(raw, findings)) if option is None else []
    chosen, where = next(iter(given), (usual, "as transformers' pipeline does"))
    if option is not None:
        chosen, where = option, "as --activation says"
    reason = misfit(chosen, labels)
    if reason:
        findings.problems.append(f"the activation is {chosen}, {where}: {reason}; pass --activation none or sigmoid")
    if chosen != usual:
        other = f"; transformers' pipeline gives {_WORDS[usual]}: --activation {usual}"
        findings.notes.append(f"scores are {_WORDS[chosen]}, {where}{'' if option else other}")
    elif chosen != DEFAULTS.get(problem_type):
        findings.notes.append(f"scores are {_WORDS[chosen]}, {where}; for the logits themselves: --activation none")
    return None if chosen == DEFAULTS.get(problem_type) else chosen


def _usual(problem_type: str, labels: int) -> str:
    """What transformers' pipeline does: see `TextClassificationPipeline.postprocess`, transformers 5."""
    usual = DEFAULTS.get(problem_type, "none")
    return "sigmoid" if labels < ACTIVATIONS[usual].least_labels else usual


def _given(raw: Mapping[str, Any], findings: Findings) -> Iterator[tuple[str, str]]:
    """(activation, the key that names it), by precedence; a value of another kind is a problem."""
    sentence = raw.get("sentence_transformers")
    if not isinstance(sentence, dict | None):
        findings.problems.append(f"sentence_transformers in config.json is {sentence!r:.80}, expected an object")
    if isinstance(sentence, dict) and "activation_fn" in sentence:
        modules = {"activation_fn of sentence-transformers": sentence["activation_fn"]}
    else:
        key = "sbert_ce_default_activation_function"
        modules = {key: raw.get(key)}
    for key, value in modules.items():
        if value is not None:
            yield from _known(key, value, _READ, findings)
    specific = raw.get("task_specific_params")
    places = [specific.get(task) for task in _TASKS] if isinstance(specific, dict) else []
    others = sorted(set(specific) - set(_TASKS)) if isinstance(specific, dict) else []
    if others:
        findings.notes.append(
            f"task_specific_params in config.json: dropped, as no answer needs them: {listed(others)}"
        )
    for place in (*places, raw):
        value = place.get("function_to_apply") if isinstance(place, dict) else None
        if value is not None:
            name = value.lower() if isinstance(value, str) else value
            yield from _known("function_to_apply", name, {name: name for name in ACTIVATIONS}, findings)


def _known(key: str, value: object, names: Mapping[str, str], findings: Findings) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value in names:
        yield names[value], f"as {key} says"
        return
    findings.problems.append(
        f"{key} is {value!r:.120}, expected one of {', '.join(names)}: no other function is in the bundle; "
        "pass --activation none, sigmoid or softmax"
    )
