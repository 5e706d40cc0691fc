"""This project's bundles, through the runtime's own engines: on the GPU, or in rehearsal on the CPU provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import bert_runtime
from benchmarks.gpu.engines.engine import Call, Outputs, Stall
from benchmarks.peers.peer import masked
from benchmarks.workload import Feeds
from bert_runtime import bundle as bundles
from bert_runtime.backends.by_mask import EngineByMask
from bert_runtime.backends.engine import Engine, LoadedArtefact
from bert_runtime.backends.options import GpuOptions
from bert_runtime.backends.select import start
from bert_runtime.machine.requirements import missing_requirements
from bert_runtime.machine.system import this_system
from bert_runtime.options import Options


@dataclass(frozen=True)
class BundleEngine:
    """An artefact of the bundle.

    Attributes:
        how: run: arrays of the host in and out, copied both ways within the call; binding: arrays that lie on the GPU;
            graphs: the runtime's recordings of each size, copied both ways too.
    """

    name: str
    target: str
    how: Literal["run", "binding", "graphs"] = "run"
    device: str = "cuda"
    precision: str = "fp16"

    @property
    def loads_alone(self) -> bool:
        """TensorRT times kernels while it builds; who comes next finds what was built."""
        return self.target == "tensorrt" and self.device == "cuda"

    def missing(self) -> str:
        """See Engine."""
        return "; ".join(map(str, missing_requirements(this_system(), "cpu" if self.device == "cpu" else self.target)))

    def load(self, stall: Stall) -> LoadedBundle:
        """See Engine. A target that is named runs on its provider or raises: the runtime falls back to nothing."""
        if self.device == "cpu":
            bundle = bundles.read(stall.bundle)
            artefact = bundle.manifest.by_target[self.target].artefact
            loaded = LoadedArtefact.of(artefact, start(bundle.directory, artefact, stall.threads))
            return LoadedBundle(loaded, stall.model.task, self.how)
        sizes = tuple(dict.fromkeys((shape.batch, shape.sequence) for shape in stall.shapes))
        gpu = GpuOptions(graphs=sizes if self.how == "graphs" else ())
        options = Options(self.target, stall.threads, cache=stall.folder / "engines", gpu=gpu)
        session = bert_runtime.load(stall.bundle, options=options)
        loaded = LoadedArtefact(session.artefact, session.engine, session.active_target, session.reason)
        return LoadedBundle(loaded, stall.model.task, self.how)


class LoadedBundle:
    """See Loaded."""

    def __init__(self, loaded: LoadedArtefact, task: str, how: str) -> None:
        """`running` is the artefact with its engine."""
        self._running, self._task, self._how = loaded, task, how

    def prepare(self, feeds: Feeds) -> Call:
        """See Loaded."""
        artefact, engine = self._running.artefact, self._running.engine
        own = {spec.name: np.ascontiguousarray(feeds[spec.name], spec.dtype) for spec in artefact.inputs}
        names = [spec.name for spec in artefact.outputs]
        everywhere = self._task == "fill-mask" and "positions" not in own

        def in_order(found: Mapping[str, NDArray[Any]]) -> Outputs:
            values = [found[name].astype(np.float32) for name in names]
            return [masked(values[0], feeds)] if everywhere else values

        if self._how == "binding":
            bound = _Bound(engine, own, names)
            return Call(bound.run, lambda: in_order(bound.outputs()))
        answer: dict[str, NDArray[Any]] = {}
        return Call(lambda: answer.update(engine.run(own, names)), lambda: in_order(answer))


class _Bound:
    """Inputs and outputs on the GPU, which ONNX Runtime reads and writes where they lie."""

    def __init__(self, engine: Engine, feeds: Mapping[str, NDArray[Any]], names: list[str]) -> None:
        import onnxruntime  # noqa: PLC0415 - in the engine's own process

        if isinstance(engine, EngineByMask):
            engine = engine.engine_of(feeds)
        self._session = engine.opened()  # type: ignore[attr-defined] # every engine on a GPU is an OrtEngine
        self._binding = self._session.io_binding()
        for name, array in feeds.items():
            self._binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", 0))
        self._outputs = {}
        for name, value in engine.run(feeds, names).items():
            place = onnxruntime.OrtValue.ortvalue_from_shape_and_type(value.shape, value.dtype, "cuda", 0)
            self._binding.bind_ortvalue_output(name, place)
            self._outputs[name] = place

    def run(self) -> None:
        """ONNX Runtime waits for its stream at the end of a run, unless it is told not to."""
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> dict[str, NDArray[Any]]:
        """Copied to the host."""
        return {name: value.numpy() for name, value in self._outputs.items()}
