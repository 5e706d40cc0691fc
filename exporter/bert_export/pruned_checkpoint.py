"""The pruned network of a checkpoint: the same weights in torch, which every artefact is compared with, and traced."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import onnx_ir as ir
import torch

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.pruning.walk import Masks
from bert_calibration.quantize import check_task
from bert_export.artefacts import make
from bert_export.checkpoint import Checkpoint
from bert_export.contents import record_of, text_of
from bert_export.context import ExportContext
from bert_export.errors import GateError, OptionError
from bert_export.families import Family
from bert_export.options import ExportOptions, Variant
from bert_export.passes.canonical import PREFIXES
from bert_export.pruned import SEARCHABLE, prune_network
from bert_export.verify.reference import RememberingReference
from bert_runtime.targets import PORTABLE

_SECOND = re.compile(
    r"(?P<before>.*?)encoder\.layer\.(?P<number>\d+)\.(?P<part>(attention\.)?output\.dense)\.(?P<what>weight|bias)"
)

WHOLE = "whole"
"""Beside a pruned checkpoint: the folder of the checkpoint as it was."""


def with_pruned(
    checkpoint: Checkpoint, graph: ir.Model, options: ExportOptions, context: ExportContext
) -> ExportContext:
    """Prune a checkpoint's network, in torch and in its traced graph alike; the context in which it is exported.

    Both keep the shapes of the whole network, with rows of zeros for what was removed: torch is what transformers'
    own class computes of them, and each artefact is sliced.

    Raises:
        GateError: no point is fast enough within the accuracy constraint, or the samples are too few.
        QuantizationError: a decoder.
    """
    first = options.variants[0]
    target = first.target if first.target in SEARCHABLE else PORTABLE.name
    folder = context.folder / "whole"
    (folder / "search").mkdir(parents=True)
    whole = dataclasses.replace(context, folder=folder)
    made = make(checkpoint, graph.clone(), Variant(target, "fp32"), whole)[0]
    original = BaselineArtefact(folder, made.artefact, record_of(checkpoint, made.sizes), text_of(checkpoint))
    check_task(original)
    with context.stages.stage("prune"):
        pruned = prune_network(original, first.precision, options.quantization, options.speedup, folder / "search")
    masks = pruned.pruning.masks
    if options.save_pruned is not None:
        save_checkpoint(checkpoint, options.save_pruned / WHOLE)
    mask_model(checkpoint.model, masks, checkpoint.family)
    if options.save_pruned is not None:
        save_checkpoint(checkpoint, options.save_pruned)
    mask_graph(graph, masks)
    return dataclasses.replace(context, pruned=pruned, reference=RememberingReference.of(checkpoint, context.plain))


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """The model as it is now, with its tokenizer, as save_pretrained writes them.

    Raises:
        OptionError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint.model.save_pretrained(folder)
        for name, text in checkpoint.files.items():
            if not (folder / name).exists():
                (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"--save-pruned {folder}: {error.strerror}; name another directory") from error


def mask_model(model: torch.nn.Module, masks: Masks, family: Family) -> None:
    """Give a torch model the weights of a pruned network, which has BERT's names."""
    parameters = dict(model.named_parameters())
    for name, array in masks.items():
        parameter = parameters[name if name in parameters else own_name(name, family)]
        own = array.T if array.ndim == 2 else array  # torch stores (outputs, inputs)
        parameter.data = torch.from_numpy(own.copy())


def own_name(name: str, family: Family) -> str:
    """What transformers' class of a family calls a weight of BERT's that a sub-layer's second product has."""
    found = _SECOND.fullmatch(name)
    assert found is not None  # what is pruned is such a product
    part = {"attention.output.dense": family.layer.attention_output, "output.dense": family.layer.output}
    return f"{found['before']}{family.layers}.{found['number']}.{part[found['part']]}.{found['what']}"


def mask_graph(graph: ir.Model, masks: Masks) -> None:
    """Give a traced graph the same weights.

    Raises:
        GateError: a weight is not in the graph under the name that it has in the checkpoint.
    """
    found = set()
    for name, value in graph.graph.initializers.items():
        own = name
        for prefix in PREFIXES:
            own = own.removeprefix(prefix)
        if own in masks:
            value.const_value = ir.tensor(masks[own], name=name)
            found.add(own)
    missing = sorted(set(masks) - found)
    if missing:
        raise GateError(
            f"the traced graph has no {', '.join(missing)}, expected the weights that were pruned. Most likely the "
            "installed torch traces this model in another form: install the versions of constraints.txt"
        )
