"""The tensors of a bundle's artefacts, for Triton's ONNX Runtime backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bert_runtime import onnx_file
from bert_runtime.bundle import Bundle
from bert_runtime.manifest import RIGHT_PADDED, Artefact
from bert_runtime.targets import BY_NAME, OPENVINO, TENSORRT, Target
from bert_runtime.tasks.tensors import TensorSpec
from bert_serve.triton.config import Accelerator, ModelConfig, TensorConfig

LABELS = "labels.txt"
MAX_BATCH = {True: 64, False: 16}
"""How many requests run at once on a GPU, and on a CPU, which a few rows fill."""


@dataclass(frozen=True)
class TensorModel:
    """A model that takes and gives tensors: its configuration, and the bundle's files that it needs.

    Attributes:
        graph: the ONNX file, which Triton wants to be called `model.onnx`.
        data: its external data files, whose names stand in the graph.
        labels: the names of what an output's numbers stand for; empty where none has names.
    """

    config: ModelConfig
    graph: str
    data: tuple[str, ...]
    labels: tuple[str, ...]


def tensor_models(name: str, bundle: Bundle) -> Iterator[TensorModel]:
    """One for each graph of each artefact: `NAME-TARGET-PRECISION`, with `-right_padded` for the artefact of
    right-padded masks, and `-cross_kv` for the graph that reads an encoder's states.

    Raises:
        BundleError: a graph cannot be read.
    """
    for artefact in bundle.manifest.artefacts:
        own = f"{name}-{artefact.target}-{artefact.precision}"
        own += f"-{RIGHT_PADDED}" if artefact.mask == RIGHT_PADDED else ""
        yield _model(own, artefact, bundle)
        if artefact.cross_kv_artefact is not None:
            yield _model(f"{own}-cross_kv", artefact.cross_kv_artefact, bundle)


def _model(name: str, artefact: Artefact, bundle: Bundle) -> TensorModel:
    """Triton's backend compares shapes with the graph's own, an output's exactly, and takes an input that has a default
    from a model without batches alone."""
    target = BY_NAME[artefact.target]
    graph = onnx_file.read(bundle.directory / artefact.file)
    specs = (*artefact.inputs, *artefact.outputs)
    has_defaults = any(spec.name in graph.initializers for spec in artefact.inputs)
    has_batch = not has_defaults and all(spec.axes[:1] == ("batch",) for spec in specs)
    shapes = {tensor.name: tensor.shape or () for tensor in (*graph.inputs, *graph.outputs)}
    labels = bundle.manifest.settings.labels

    def tensor(spec: TensorSpec) -> TensorConfig:
        dims = tuple(size if isinstance(size, int) else -1 for size in shapes[spec.name])
        # Triton's classification extension names the numbers of an output that has one for each label.
        file = LABELS if labels and spec.axes == ("batch", "labels") else ""
        return TensorConfig(spec.name, spec.dtype, dims[has_batch:], spec.name in graph.initializers, file)

    inputs, outputs = tuple(map(tensor, artefact.inputs)), tuple(map(tensor, artefact.outputs))
    most = MAX_BATCH[target.is_on_gpu] if has_batch else 0
    config = ModelConfig(name, "onnxruntime", most, inputs, outputs, target.is_on_gpu, _accelerator(name, target))
    named = labels if any(each.label_filename for each in outputs) else ()
    return TensorModel(config, artefact.file, artefact.data, named)


def _accelerator(name: str, target: Target) -> Accelerator | None:
    """What Triton's ONNX Runtime backend adds to its own providers; it refuses parameters that it does not know, a
    TensorRT profile among them. The precision is in the graph's types."""
    if target is TENSORRT:
        cache = {"trt_engine_cache_enable": "true", "trt_engine_cache_path": f"/tmp/{name}-engines"}
        return Accelerator("gpu", "tensorrt", cache)
    return Accelerator("cpu", "openvino") if target is OPENVINO else None
