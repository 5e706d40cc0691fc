"""Ways to write a text token by token, each for a process of its own: from a folder to a function that writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

Written = tuple[list[int], list[float]]
"""The new tokens, and the milliseconds that each took; the prompt counts with the first."""
Write = Callable[[list[int], int], Written]
"""(ids of the prompt, how many tokens) -> what was written. Always the most probable token; no token ends the text."""


def bert_export(folder: Path, threads: int) -> Write:
    """The bundle, through its session's own loop."""
    import bert_runtime  # noqa: PLC0415 - in the writer's own process
    from bert_runtime.generation import loop  # noqa: PLC0415
    from bert_runtime.tasks.task import Features  # noqa: PLC0415
    from bert_runtime.tasks.text_generation import Prompt  # noqa: PLC0415

    options = bert_runtime.Options(threads=threads)
    session = bert_runtime.load(folder / "bundle", bert_runtime.TEXT_GENERATION, options=options)

    def write(ids: list[int], count: int) -> Written:
        row = np.array(ids, dtype=np.int64)
        prompt = Prompt((Features(row, np.zeros_like(row), np.ones_like(row)),), row, None)
        request = bert_runtime.TextGenerationRequest("", max_new_tokens=count)
        search = loop.start(prompt, request)
        milliseconds = _timed(session._run([request], [prompt], [search]))
        return list(search.continuations()[0].ids), milliseconds

    return write


def recomputing(folder: Path, threads: int) -> Write:
    """The same bundle without a past: every token reads the whole text again."""
    import bert_runtime  # noqa: PLC0415
    from bert_runtime.generation.decoder import Decoder  # noqa: PLC0415

    options = bert_runtime.Options(threads=threads)
    session = bert_runtime.load(folder / "bundle", bert_runtime.TEXT_GENERATION, options=options)

    def step(ids: list[int], count: int) -> Iterator[None]:
        for _ in range(count):
            decoder = Decoder(session.engine, session.artefact, session.record.sizes, len(ids))
            ids.append(int(decoder.prefill([np.array(ids, dtype=np.int64)], 0)[0].argmax()))
            yield

    def write(ids: list[int], count: int) -> Written:
        text = list(ids)
        milliseconds = _timed(step(text, count))
        return text[len(ids) :], milliseconds

    return write


def transformers_generate(folder: Path, threads: int) -> Write:
    """`generate` of transformers on torch eager (not compiled), with its cache, fp32 and sdpa attention."""
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415
    from transformers.generation.streamers import BaseStreamer  # noqa: PLC0415

    torch.set_num_threads(threads)
    model: Any = transformers.BertLMHeadModel.from_pretrained(folder / "checkpoint", dtype=torch.float32)
    model.eval()

    class Clock(BaseStreamer):
        """Notes when `generate` hands on a token; what it hands on first is the prompt."""

        def __init__(self) -> None:
            self.moments: list[int] = []

        def put(self, value: Any) -> None:
            self.moments.append(time.perf_counter_ns())

        def end(self) -> None:
            pass

    def write(ids: list[int], count: int) -> Written:
        clock, prompt = Clock(), torch.tensor([ids])
        given = {"attention_mask": torch.ones_like(prompt), "pad_token_id": 0, "eos_token_id": None}
        with torch.inference_mode():
            whole = model.generate(prompt, **given, max_new_tokens=count, do_sample=False, streamer=clock)
        moments = np.array(clock.moments)
        return whole[0, len(ids) :].tolist(), [round(spent, 4) for spent in (np.diff(moments) / 1e6).tolist()]

    return write


WRITERS: dict[str, Callable[[Path, int], Write]] = {
    "bert-export": bert_export,
    "bert-export, recomputing": recomputing,
    "transformers generate": transformers_generate,
}


def serve(name: str, folder: Path, threads: int, orders: Connection) -> None:
    """Load a writer and answer (ids, count) until None comes."""
    write = WRITERS[name](folder, threads)
    orders.send(None)
    while (order := orders.recv()) is not None:
        orders.send(write(*order))


def _timed(steps: Iterator[None]) -> list[float]:
    """Milliseconds of each step."""
    moments = [time.perf_counter_ns()]
    moments += [time.perf_counter_ns() for _ in steps]
    return [round(spent, 4) for spent in (np.diff(np.array(moments)) / 1e6).tolist()]
