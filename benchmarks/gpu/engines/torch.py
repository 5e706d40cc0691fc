"""PyTorch: the class in transformers with SDPA attention, eager, replayed as a CUDA graph, compiled, packed, in FP8."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.gpu.engines.engine import Call, Outputs, Stall
from benchmarks.peers.peer import Stall as PeerStall
from benchmarks.peers.peer import inputs_of, masked, torch_model
from benchmarks.workload import Feeds
from bert_runtime.machine.driver import read_driver
from bert_runtime.tasks import find_task

WARM_UP = 3
"""Calls before a graph is recorded, on a stream of their own, as torch's documentation of CUDA graphs asks for."""


@dataclass(frozen=True)
class TorchEngine:
    """The model itself. Inputs and outputs stay on the device: what torch's own users can have without a copy.

    Where nothing is padded, transformers drops the mask and SDPA takes its fastest kernel, but in eager mode alone: a
    graph is recorded, and a program compiled, with the mask.

    Attributes:
        how: compile makes one program for all sizes, autotune one for each, after trying kernels.
        attention: SDPA as PyTorch chooses, of cuDNN or of anything else; packed has no padding: see `packed`.
    """

    name: str
    device: str = "cuda"
    precision: str = "fp16"
    how: Literal["eager", "graphs", "compile", "autotune"] = "eager"
    attention: Literal["sdpa", "cudnn", "no-cudnn", "packed"] = "sdpa"
    target: None = None
    loads_alone: bool = False

    def missing(self) -> str:
        """See Engine."""
        if importlib.util.find_spec("torch") is None:
            return "torch is not installed; run `pip install 'bert-export[export]'`"
        return "" if self.device == "cpu" else no_cuda()

    def load(self, stall: Stall) -> LoadedTorch:
        """See Engine."""
        import torch  # noqa: PLC0415 - in the engine's own process

        torch.set_num_threads(stall.threads)
        model = torch_model(PeerStall(stall.model, stall.checkpoint, stall.folder))
        model = model.to(self.device, torch.float32 if self.precision == "fp32" else torch.float16)
        if self.precision == "fp8":
            from benchmarks.gpu.engines.fp8 import to_fp8  # noqa: PLC0415

            to_fp8(model)
        loaded = LoadedTorch(model, stall, self)
        if self.how == "compile":
            loaded.model = torch.compile(model, dynamic=True)  # once for all sizes: one for each would take the hour
            smallest = stall.shapes[0]
            loaded.prepare(smallest.feeds()).run()
        if self.how == "autotune":
            loaded.model = torch.compile(model, mode="max-autotune", dynamic=False)
        return loaded


def no_cuda() -> str:
    """Why torch has no GPU here; empty where nothing is seen to keep it from one."""
    version, driver = importlib.metadata.version("torch"), read_driver()
    if driver is None:
        return "no NVIDIA GPU and no driver (libcuda.so.1) is here; use a machine that has one"
    if not driver.gpus:
        return f"the driver gives no GPU: {driver.problem}; run `bert-doctor`"
    if version.endswith("+cpu"):
        return f"torch {version} is built without CUDA; install the build for CUDA from https://pytorch.org"
    return ""


class LoadedTorch:
    """See Loaded."""

    def __init__(self, model: Any, stall: Stall, engine: TorchEngine) -> None:
        """`model` is on its device."""
        self.model = model
        self._engine, self._task = engine, stall.model.task
        self._names = [spec.name for spec in find_task(stall.model.task).graph_outputs(plain=True)]
        self._inputs = inputs_of(stall.model)
        self._packed: Any = None
        if engine.attention == "packed":
            from benchmarks.gpu.engines.packed import pack, row_by_row, varlen  # noqa: PLC0415

            self._packed = pack(model, row_by_row if engine.device == "cpu" else varlen)

    def prepare(self, feeds: Feeds) -> Call:
        """See Loaded."""
        import torch  # noqa: PLC0415

        if self._engine.device == "cuda":
            torch.cuda.empty_cache()  # what the call before held, for the engines beside this one
        inputs = {name: torch.from_numpy(feeds[name]).to(self._engine.device) for name in self._inputs}
        answer: list[Any] = []
        if self._packed is not None:
            from benchmarks.gpu.engines.packed import Places  # noqa: PLC0415

            self._packed.places = Places.of(inputs["attention_mask"])

        def forward() -> None:
            with torch.inference_mode(), _kernels(self._engine.attention):
                answer[:] = [self.model(**inputs)]

        step = recorded(forward) if self._engine.how == "graphs" else forward

        def outputs() -> Outputs:
            values = [getattr(answer[0], name).float().cpu().numpy() for name in self._names]
            return [masked(values[0], feeds)] if self._task == "fill-mask" else values

        if self._engine.device == "cpu":
            return Call(step, outputs)
        return timed_by_events(step, outputs)


def _kernels(attention: str) -> contextlib.AbstractContextManager[object]:
    """What lets SDPA take cuDNN's kernel alone, or any other."""
    if attention not in ("cudnn", "no-cudnn"):
        return contextlib.nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: PLC0415

    others = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    found: contextlib.AbstractContextManager[object] = sdpa_kernel(
        [SDPBackend.CUDNN_ATTENTION] if attention == "cudnn" else others
    )
    return found


def recorded(forward: Callable[[], None]) -> Callable[[], None]:
    """The replay of a CUDA graph of `forward`, which reads and writes the same memory every time."""
    import torch  # noqa: PLC0415

    cuda: Any = torch.cuda  # its streams are not typed
    side = cuda.Stream()
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        for _ in range(WARM_UP):
            forward()
    cuda.current_stream().wait_stream(side)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        forward()
    replay: Callable[[], None] = graph.replay
    return replay


def timed_by_events(step: Callable[[], None], outputs: Callable[[], Outputs]) -> Call:
    """A call that waits for the GPU, and knows how long it worked: a kernel is only queued when a function returns."""
    import torch  # noqa: PLC0415

    cuda: Any = torch.cuda  # its events are not typed
    began, ended = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)

    def run() -> None:
        began.record()
        step()
        ended.record()
        ended.synchronize()

    return Call(run, outputs, lambda: float(began.elapsed_time(ended)))
