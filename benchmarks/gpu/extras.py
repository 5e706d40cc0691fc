"""What a race of batches does not show: texts to answers, callers beside each other, recording beside another session,
and which attention kernel ran.

Measurements: "strings": [{"batch", "sequence", "peer", "ms"}]: milliseconds from texts to decoded answers; "threads":
[{"name", "ms", "same"}]: of a call while others call too, and whether its answers are those of a call alone; "kernels":
{size: names}: what ONNX Runtime's attention says of itself, nothing on a CPU. Each runs in a process of its own.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bert_runtime
from benchmarks.gpu.engines.engine import Stall
from benchmarks.gpu.process import Answer
from benchmarks.gpu.shapes import Shape
from benchmarks.made_up_tokenizer import words_of
from bert_runtime.backends.options import GpuOptions
from bert_runtime.options import Options
from bert_runtime.schedule import BatchLimits

CALLS = 20
CALLERS = 4
DEBUG = "ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO"
"""With this, ONNX Runtime's attention prints which kernel it takes."""

_KERNEL = re.compile(r"SdpaKernel=(\w+)")


def texts_of(shape: Shape) -> list[dict[str, str]]:
    """A request for each row, whose text has the row's tokens."""
    return [{"text": words_of(max(1, int(length) - 2))} for length in shape.lengths]


def ours(stall: Stall, target: str, graphs: bool) -> Answer:
    """Our session on a target; the answer to a shape: the milliseconds of its texts."""
    session = _session(stall, target, None if graphs else ())
    return lambda shape: _median(lambda: list(session.predict(texts_of(shape))))


def torchs(stall: Stall, device: str, precision: str) -> Answer:
    """The tokenizer and the model of transformers; the answer to a shape: the milliseconds of its texts."""
    import torch  # noqa: PLC0415 - in a process of its own
    import transformers  # noqa: PLC0415

    from benchmarks.peers.peer import Stall as PeerStall  # noqa: PLC0415
    from benchmarks.peers.peer import torch_model  # noqa: PLC0415

    torch.set_num_threads(stall.threads)
    tokenizer = transformers.AutoTokenizer.from_pretrained(stall.checkpoint)
    kind = torch.float16 if precision == "fp16" else torch.float32
    model = torch_model(PeerStall(stall.model, stall.checkpoint, stall.folder)).to(device, kind)

    def run(shape: Shape) -> None:
        texts = [each["text"] for each in texts_of(shape)]
        feeds = tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(device)
        with torch.inference_mode():
            scores = model(**feeds).logits.float().softmax(-1).cpu()
        scores.max(-1).indices.tolist()

    return lambda shape: _median(lambda: run(shape))


def beside_others(stall: Stall, target: str) -> Answer:
    """The answer to a shape: rows of "threads"."""
    without = _session(stall, target, ())

    def answer(shape: Shape) -> list[dict[str, Any]]:
        return [*_callers(without, shape), *_recording(stall, target, without, shape)]

    return answer


def kernels(stall: Stall, target: str) -> Answer:
    """The answer to a shape: the names of the attention kernels that ran."""
    os.environ[DEBUG] = "1"  # before the session opens
    session = _session(stall, target, ())

    def answer(shape: Shape) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            said = _said(lambda: list(session.predict(texts_of(shape))), Path(folder) / "said")
        return sorted(set(_KERNEL.findall(said)))

    return answer


def _session(stall: Stall, target: str, graphs: tuple[tuple[int, int], ...] | None) -> Any:
    gpu = GpuOptions(graphs=graphs)
    most = max(shape.batch for shape in stall.shapes)
    limits = BatchLimits(max_batch_size=most, max_batch_tokens=max(s.batch * s.sequence for s in stall.shapes))
    return bert_runtime.load(
        stall.bundle, options=Options(target, stall.threads, limits, stall.folder / "engines", gpu=gpu)
    )


def _callers(session: Any, shape: Shape) -> Iterator[dict[str, Any]]:
    """One caller, then CALLERS at once."""
    alone = _answers(session, shape)
    yield {"name": f"1 caller, {shape.name}", "ms": _median(lambda: _answers(session, shape)), "same": True}
    with ThreadPoolExecutor(CALLERS) as pool:
        began = time.perf_counter()
        found = list(pool.map(lambda _: _answers(session, shape), range(CALLERS * CALLS)))
        spent = (time.perf_counter() - began) * 1e3 / (CALLERS * CALLS)
    yield {"name": f"{CALLERS} callers, {shape.name}", "ms": spent, "same": all(map(alone.__eq__, found))}


def _recording(stall: Stall, target: str, busy: Any, shape: Shape) -> Iterator[dict[str, Any]]:
    """A session that records graphs while another one answers; each must go on to answer right."""
    expected, more = _answers(busy, shape), True

    def go_on() -> bool:
        same = True
        while more:
            same &= _answers(busy, shape) == expected
        return same

    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(go_on)
        try:
            began = time.perf_counter()
            with _session(stall, target, None) as recording:
                found = [_answers(recording, shape) for _ in range(3)]
            spent = (time.perf_counter() - began) * 1e3
        finally:
            more = False
        same = others.result() and all(map(expected.__eq__, found))
    yield {"name": f"recording beside another session, {shape.name}", "ms": spent, "same": same}


def _answers(session: Any, shape: Shape) -> list[str]:
    """Which label each text gets."""
    return [result.labels[0].label for result in session.predict(texts_of(shape))]


def _median(call: Callable[[], object]) -> float:
    call()
    spent = []
    for _ in range(CALLS):
        began = time.perf_counter_ns()
        call()
        spent.append((time.perf_counter_ns() - began) / 1e6)
    return round(float(statistics.median(spent)), 3)


def _said(call: Callable[[], object], file: Path) -> str:
    """What the process, also its C++ part, writes to standard output during a call."""
    kept = os.dup(1)
    try:
        with file.open("wb") as target:
            os.dup2(target.fileno(), 1)
            call()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    return file.read_text(encoding="utf-8", errors="replace")
