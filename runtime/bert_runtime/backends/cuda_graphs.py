"""CUDA graphs: a batch of one size, recorded once and replayed, without the launch of each kernel.

ONNX Runtime keeps recordings by a number that the caller gives (`gpu_graph_id`) and does not check what it was recorded
with: a number given with other shapes replays the old ones and answers wrongly. So numbers are made here and nowhere
else, each bound for ever to the shapes and the arrays on the device that it was recorded with.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bert_runtime.backends.buckets import GRAPH_TOKENS
from bert_runtime.backends.engine import Array
from bert_runtime.manifest import KEY_RANGES
from bert_runtime.targets import CPU

GRAPH_ID = "gpu_graph_id"
HOST = CPU.name
"""ONNX Runtime's name of the host is the target's."""
NO_GRAPH = -1
"""ONNX Runtime's number for a run that is neither recorded nor replayed."""

Size = tuple[int, int]
Fit = Callable[[int, int], Size]

Shapes = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Name, dtype and shape of every input, by name."""


def shapes_of(feeds: Mapping[str, Array]) -> Shapes:
    return tuple((name, str(feeds[name].dtype), feeds[name].shape) for name in sorted(feeds))


def run_options(module: Any, graph_id: int) -> Any:
    """ONNX Runtime's options of a run with this graph; `module` is onnxruntime."""
    options = module.RunOptions()
    options.add_run_config_entry(GRAPH_ID, str(graph_id))
    return options


class CapturedGraph:
    """One recording: its number, its shapes, and the arrays on the device that it reads and writes."""

    def __init__(self, module: Any, session: Any, graph_id: int, device: tuple[str, int]) -> None:
        """Nothing is recorded yet; `device` is ONNX Runtime's name of it and its number."""
        self.graph_id = graph_id
        self.shapes: Shapes | None = None
        self._module, self._session, self._device = module, session, device
        self._options = run_options(module, graph_id)
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._binding: Any = None

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output, as arrays of the host. The first call records; another shape later is a bug of ours."""
        if self.shapes is None:
            self._bind(feeds)
        if self.shapes != shapes_of(feeds):  # a bug of ours, which must not become a wrong answer even under -O
            raise RuntimeError(f"a CUDA graph was given {shapes_of(feeds)}, and was recorded with {self.shapes}")
        for name, array in feeds.items():
            self._inputs[name].update_inplace(array)
        self._session.run_with_iobinding(self._binding, self._options)
        return {name: value.numpy() for name, value in self._outputs.items()}

    def _bind(self, feeds: Mapping[str, Array]) -> None:
        """Arrays on the device for these feeds and for the outputs, whose shapes a run without a graph tells."""
        names = [output.name for output in self._session.get_outputs()]
        values = self._session.run(names, dict(feeds), run_options(self._module, NO_GRAPH))
        make = self._module.OrtValue
        name, number = self._device
        binding = self._session.io_binding()
        for feed, array in feeds.items():
            place = (HOST, 0) if feed == KEY_RANGES else (name, number)  # its reader wants it in the host's memory
            self._inputs[feed] = make.ortvalue_from_numpy(array, *place)
            binding.bind_ortvalue_input(feed, self._inputs[feed])
        for output, value in zip(names, values, strict=True):
            self._outputs[output] = make.ortvalue_from_shape_and_type(value.shape, value.dtype, name, number)
            binding.bind_ortvalue_output(output, self._outputs[output])
        self._binding = binding
        self.shapes = shapes_of(feeds)


class CudaGraphs:
    """The recordings of one session. Not for several threads at once: neither is a session that records."""

    def __init__(self, module: Any, session: Any, device: tuple[str, int], sizes: Sequence[Size] | Fit) -> None:
        """`sizes` are the (batch, sequence) that may be recorded, as many as there will be graphs; or what gives one of
        a few sizes for a batch, of which those of few tokens are recorded."""
        self._module, self._session, self._device = module, session, device
        self._fit = sizes if callable(sizes) else None
        listed = () if callable(sizes) else sizes
        self._sizes = sorted(set(listed), key=lambda pair: (pair[0] * pair[1], pair))
        self._numbers = itertools.count(1)
        self._graphs: dict[Shapes, CapturedGraph] = {}

    def bucket(self, batch: int, sequence: int) -> tuple[int, int] | None:
        """The recordable size with the fewest tokens that takes such a batch; None if none does."""
        if self._fit is not None:
            rows, width = self._fit(batch, sequence)
            return (rows, width) if rows * width <= GRAPH_TOKENS else None
        return next((pair for pair in self._sizes if pair[0] >= batch and pair[1] >= sequence), None)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output of feeds of a recordable size: recorded at first, replayed from then on."""
        shapes = shapes_of(feeds)
        graph = self._graphs.get(shapes)
        if graph is None:
            graph = CapturedGraph(self._module, self._session, next(self._numbers), self._device)
            self._graphs[shapes] = graph
        return graph.run(feeds)
