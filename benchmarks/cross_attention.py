"""Where cross keys and values come from, token by token: `python -m benchmarks.cross_attention [--rounds N]`.

One token after 32 others, MiniLM's size, by the CPU time of one thread. Measurements: for each source length and number
of rows {"source", "rows", "way", "rounds"}: milliseconds of each call by round. The ways:

* two graphs: what the exporter makes; the keys and values come in, and rows of one source share them;
* two graphs, a copy for each row: the same without sharing;
* one graph with If: that graph, and in it the source's, which runs for the first token alone;
* computed for each token: both graphs, one after the other.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from benchmarks.checkpoints import random_checkpoint
from benchmarks.latency import WORK
from benchmarks.results import save
from benchmarks.summary import speed_up, typical
from benchmarks.workload import SIZES, VOCABULARY, Model

Feeds = dict[str, np.ndarray[Any, Any]]
MODEL = Model("text-generation", "minilm-l6")
PAST, CALLS = 32, 20
TWO, COPIED, ONE, AGAIN = (
    "two graphs",
    "two graphs, a copy for each row",
    "one graph with If",
    "computed for each token",
)


def build(folder: Path) -> Path:
    """The bundle, made once; delete the folder to make it again."""
    bundle = folder / "bundle"
    if not bundle.exists():
        from bert_export.exporting import export  # noqa: PLC0415 - torch
        from bert_export.options import ExportOptions  # noqa: PLC0415

        checkpoint = random_checkpoint(MODEL, folder / "checkpoint", reads_encoder=True)
        export(ExportOptions(model=str(checkpoint), task=MODEL.task, output=bundle))
    return bundle


def with_if(decoder: onnx.ModelProto, source: onnx.ModelProto) -> bytes:
    """One graph of both: where `cached.…` holds no token, `encoder_hidden_states` are read; else it is passed on."""
    names = [value.name for value in source.graph.output]
    cached = {value.name: f"cached.{value.name}" for value in source.graph.output}
    kept = [value for value in decoder.graph.input if value.name not in names]
    shapes = {value.name: value.type for value in decoder.graph.input}
    passed = [helper.make_node("Identity", [cached[name]], [f"passed.{name}"]) for name in names]
    types = [helper.make_value_info(f"passed.{name}", shapes[name]) for name in names]
    otherwise = helper.make_graph(passed, "passed", [], types)
    then = helper.make_graph(list(source.graph.node), "read", [], list(source.graph.output))
    for node in then.node:  # names of the two graphs must not meet
        node.name = f"source/{node.name}"
        node.input[:] = [name if name == "encoder_hidden_states" else f"source/{name}" for name in node.input]
        node.output[:] = [f"source/{name}" for name in node.output]
    for value in then.output:
        value.name = f"source/{value.name}"
    for tensor in source.graph.initializer:
        decoder.graph.initializer.add().CopyFrom(tensor)
        decoder.graph.initializer[-1].name = f"source/{tensor.name}"
    first = [
        helper.make_node("Shape", [cached[names[0]]], ["cached/length"], start=2, end=3),
        helper.make_node("Not", ["cached/some"], ["cached/none"]),
        helper.make_node("If", ["cached/none"], names, then_branch=then, else_branch=otherwise),
    ]
    first.insert(1, helper.make_node("Cast", ["cached/length"], ["cached/some"], to=onnx.TensorProto.BOOL))
    nodes = [*first, *decoder.graph.node]
    inputs = [*kept, *source.graph.input, *(helper.make_value_info(cached[name], shapes[name]) for name in names)]
    graph = helper.make_graph(nodes, "one", inputs, list(decoder.graph.output), list(decoder.graph.initializer))
    model = helper.make_model(graph, opset_imports=decoder.opset_import, ir_version=decoder.ir_version)
    content: bytes = model.SerializeToString()
    return content


def session(model: bytes) -> onnxruntime.InferenceSession:
    """On one thread, as CPU time is what counts."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ways(bundle: Path, source: int, rows: int) -> dict[str, Callable[[], Sequence[Any]]]:
    """Each way as a call that reads one token; all give the same logits."""
    files = [onnx.load(bundle / name) for name in ("model.onnx", "cross_kv.onnx")]
    decoder, reader = (session(file.SerializeToString()) for file in files)
    one, size = session(with_if(*files)), SIZES[MODEL.size]
    random, heads = np.random.default_rng(0), (rows, size.heads, PAST, size.hidden // size.heads)
    token: Feeds = {
        "input_ids": random.integers(1000, VOCABULARY, (rows, 1)),
        "attention_mask": np.ones((rows, PAST + 1), np.int64),
    }
    for value in decoder.get_inputs():
        if value.name.startswith("past_key_values"):
            token[value.name] = random.standard_normal(heads, np.float32)
    states = {"encoder_hidden_states": random.standard_normal((1, source, size.hidden), np.float32)}
    names = [value.name for value in reader.get_outputs()]
    cross: Feeds = dict(zip(names, reader.run(names, states), strict=True))
    mask = {"encoder_attention_mask": np.ones((1, source), np.int64)}
    copied = {name: np.repeat(array, rows, 0) for name, array in {**mask, **cross}.items()}
    cached = {f"cached.{name}": array for name, array in cross.items()}
    fetch = ["logits"]
    return {
        TWO: lambda: decoder.run(fetch, {**token, **mask, **cross}),
        COPIED: lambda: decoder.run(fetch, {**token, **copied}),
        ONE: lambda: one.run(fetch, {**token, **mask, **cached, **states}),
        AGAIN: lambda: decoder.run(
            fetch, {**token, **mask, **dict(zip(names, reader.run(names, states), strict=True))}
        ),
    }


def measure(bundle: Path, rounds: int) -> list[dict[str, Any]]:
    """All cases; raises RuntimeError where two ways give different logits."""
    measurements = []
    for source, rows in ((32, 1), (128, 1), (512, 1), (128, 4), (512, 4)):
        calls = ways(bundle, source, rows)
        answers = [call()[0] for call in calls.values()]
        if max(float(np.abs(answers[0] - answer).max()) for answer in answers) > 1e-4:
            raise RuntimeError(f"source {source}, {rows} rows: the ways give different logits; nothing was timed")
        times: dict[str, list[list[float]]] = {way: [] for way in calls}
        for _ in range(rounds):
            for way, call in calls.items():
                call()
                times[way].append([_milliseconds(call) for _ in range(CALLS)])
        for way, found in times.items():
            figures = f"{typical(found):7.2f} ms {speed_up(found, times[TWO]).median:5.2f}x"
            print(f"source {source:4}, {rows} rows, {way:32} {figures}", file=sys.stderr, flush=True)
            measurements.append({"source": source, "rows": rows, "way": way, "rounds": found})
    return measurements


def _milliseconds(call: Callable[[], Sequence[Any]]) -> float:
    began = time.process_time_ns()
    call()
    return round((time.process_time_ns() - began) / 1e6, 4)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--rounds", type=int, default=15)
    parsed = flags.parse_args(arguments)
    measurements = measure(build(WORK / f"{MODEL.name}-cross"), parsed.rounds)
    print(save("cross_attention", MODEL.size, 1, measurements), file=sys.stderr)


if __name__ == "__main__":
    main()
