"""The dense layers that sentence-transformers puts after the pooling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from bert_export.checkpoint.findings import Findings, read_object, reading
from bert_export.checkpoint.keys import account, shown
from bert_export.checkpoint.printable import listed
from bert_export.checkpoint.sentence_files import DENSE
from bert_export.checkpoint.weights import find_weights, read_header
from bert_export.errors import CheckpointError

FILES = ("model.safetensors", "pytorch_model.bin")
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "Identity": nn.Identity,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "GELU": nn.GELU,
    "Sigmoid": nn.Sigmoid,
}
"""Name of a class of torch.nn -> the class."""
PLACES = ("torch.nn.modules.activation.", "torch.nn.modules.linear.", "torch.nn.")


def read_dense(folders: Sequence[Path], width: int, findings: Findings) -> nn.Sequential:
    """The layers, in order; `width` is that of the vectors before the first.

    Raises:
        CheckpointError: files that cannot be read, an activation that is not known, or weights that do not fit.
    """
    layers = nn.Sequential()
    for folder in folders:
        config = read_object(folder / "config.json")
        account(DENSE, config, findings)
        linear = _linear(folder, config, width, findings)
        layers.extend([linear, _activation(config)])
        width = linear.out_features
    return layers.requires_grad_(False).eval()


def _linear(folder: Path, config: dict[str, Any], width: int, findings: Findings) -> nn.Linear:
    files = find_weights(folder, FILES)
    read_header(files, findings)
    findings.check()
    with reading(files[0].name, "expected the weights of a Dense module: fetch it again"):
        is_safe = files[0].suffix == ".safetensors"
        saved = load_file(files[0]) if is_safe else torch.load(files[0], map_location="cpu", weights_only=True)
        weights = {name.removeprefix("linear."): value.to(torch.float32) for name, value in saved.items()}
    has_bias, shape = bool(config.get("bias", True)), (config.get("out_features"), config.get("in_features"))
    expected = {"weight", "bias"} if has_bias else {"weight"}
    if set(weights) != expected or tuple(weights["weight"].shape) != shape or shape[1] != width:
        raise CheckpointError(
            f"{folder.name} holds {listed(sorted(weights))} for {shown(shape)} (out, in), expected {listed(expected)} "
            f"of that shape, for vectors of {width}: fetch the checkpoint again"
        )
    linear = nn.Linear(width, len(weights["weight"]), bias=has_bias)
    linear.load_state_dict(weights)
    return linear


def _activation(config: dict[str, Any]) -> nn.Module:
    name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    for place in PLACES:
        kind = ACTIVATIONS.get(name.removeprefix(place)) if name.startswith(place) else None
        if kind is not None:
            return kind()
    raise CheckpointError(
        f"a Dense says activation_function {shown(name)}, expected one of torch's {', '.join(ACTIVATIONS)}: no other "
        "is in the graph; give another model"
    )
