"""Real texts in bulk, from strings to labels: `python -m benchmarks.bulk [--texts 768] [--rounds 3] [--threads 2]`.

A seeded shuffle of contexts of SQuAD, film reviews, short messages and CoNLL sentences through the demo head for text
classification: lengths from three tokens to several hundred. Every way runs in turn in one process; each ends before
the next begins. Each round brings new texts, as a user's files do: an engine that prepares itself for every shape does
so while it is timed. Measurements: {"texts", "tokens", "padding", "ways": {way: [seconds, ...]}}: how many texts a
round has, the mean of their tokens, the share of padding in our own batches by engine, and the seconds of each round.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import bert_runtime
from benchmarks.heads import bundle, merged_checkpoint
from benchmarks.results import save
from benchmarks.texts import mixed
from bert_runtime.backends.openvino import OpenVinoEngine
from bert_runtime.options import Options
from bert_runtime.schedule import collate, plan, width
from bert_runtime.sequence_packing import fullest, plan_packed
from bert_runtime.session import BULK_LOOKAHEAD, Session
from bert_runtime.tasks.task import Features

HEAD = "text-classification"
BATCH = 8
VARIANT_OF = {"fp32": "bert-export fp32", "int8": "bert-export int8, accuracy"}
OPENVINO_OF = {"bf16": "bert-export bf16, OpenVINO", "int8": "bert-export int8, performance, OpenVINO"}
LARGEST = 4000
"""Texts that the smallest source has for a quarter of all."""
Way = Callable[[Sequence[str]], list[str]]


def ours(path: Path, target: str, mode: str, threads: int) -> Way:
    """The runtime."""
    session = bert_runtime.load(path, options=Options(target=target, threads=threads, mode=mode))
    return lambda asked: [answer.labels[0].label for answer in session.predict({"text": text} for text in asked)]


def padded(path: Path, precision: str, in_order: bool, threads: int) -> Way:
    """The same OpenVINO graph as most scripts drive it: batches of BATCH, one after another, each padded to its longest
    text; in the order of the texts, or sorted by length first."""
    session = bert_runtime.load(path, options=Options(target="openvino", threads=threads))
    engine = OpenVinoEngine(path / session.artefact.file, precision, threads)
    labels, names = session.record.settings.labels, [spec.name for spec in session.artefact.inputs]

    def run(asked: Sequence[str]) -> list[str]:
        rows = [
            Features.from_row(session.text.row(session.text.truncate(session.text.pieces(text))[0])) for text in asked
        ]
        order = list(range(len(rows))) if in_order else sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
        found: dict[int, str] = {}
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            feeds = collate([rows[i] for i in batch], session.text.pad_id)
            logits = engine.run({name: feeds[name] for name in names}, ["logits"])["logits"]
            found |= {i: labels[best] for i, best in zip(batch, logits.argmax(axis=1).tolist(), strict=True)}
        return [found[i] for i in range(len(rows))]

    return run


def pipeline(threads: int) -> Way:
    """transformers' own, in fp32 and batches of BATCH."""
    import torch  # noqa: PLC0415 - not for --help
    import transformers  # noqa: PLC0415

    torch.set_num_threads(threads)
    made: Any = transformers.pipeline("text-classification", model=str(merged_checkpoint(HEAD)), batch_size=BATCH)
    return lambda asked: [answer["label"] for answer in made(list(asked), truncation=True)]


def ways(threads: int) -> dict[str, Way]:
    """Every way that is compared."""
    found: dict[str, Way] = {}
    for precision, variant in OPENVINO_OF.items():
        path = bundle(HEAD, variant)
        found[f"bert-export, openvino {precision}"] = ours(path, "openvino", "throughput", threads)
        found[f"bert-export, openvino {precision}, latency mode"] = ours(path, "openvino", "latency", threads)
        found[f"OpenVINO {precision}, batches of {BATCH} sorted by length"] = padded(path, precision, False, threads)
        found[f"OpenVINO {precision}, batches of {BATCH} in order"] = padded(path, precision, True, threads)
    for precision, variant in VARIANT_OF.items():
        found[f"bert-export, cpu {precision}"] = ours(bundle(HEAD, variant), "cpu", "throughput", threads)
        found[f"bert-export, cpu {precision}, latency mode"] = ours(bundle(HEAD, variant), "cpu", "latency", threads)
    found[f"transformers pipeline fp32, batches of {BATCH}"] = pipeline(threads)
    return found


def lengths(asked: Sequence[str], session: Session[Any, Any]) -> tuple[int, float]:
    """The tokens of the texts, and the share of padding in batches of ours on the session's engine."""
    rows = [session._head.encode(session.task.request.from_record({"text": text})).features[0] for text in asked]
    own, whole, limits = sum(row.ids.size for row in rows), 0, session.batch_limits
    for first in range(0, len(rows), BULK_LOOKAHEAD):
        chunk = rows[first : first + BULK_LOOKAHEAD]
        if session.packed is not None:
            batches = plan_packed(chunk, limits)
            whole += sum(len(batch) * width(fullest(batch, chunk), limits) for batch in batches)
            continue
        for batch in plan(chunk, limits):
            whole += len(batch) * width(max(chunk[i].ids.size for i in batch), limits)
    return own, (whole - own) / whole


def measure(count: int, rounds: int, threads: int) -> Mapping[str, Any]:
    """All ways in turn, once to warm up, then `rounds` times; whoever answers much otherwise than fp32 is refused."""
    texts, compared = mixed(count * (rounds + 1)), ways(threads)
    asked, *later = (texts[first : first + count] for first in range(0, len(texts), count))
    reference = compared["bert-export, cpu fp32"](asked)
    for name, way in compared.items():
        same = np.mean([one == other for one, other in zip(way(asked), reference, strict=True)])
        if same < 0.95:
            raise SystemExit(f"{name} gives {same:.3f} of fp32's labels, expected 0.95 at least: nothing was timed")
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    for asked in later:
        for name, way in compared.items():
            time.sleep(0.2)  # threads of the way before may still wait in a loop
            began = time.perf_counter()
            way(asked)
            seconds[name].append(round(time.perf_counter() - began, 4))
            print(f"{name:52} {seconds[name][-1]:7.2f} s", file=sys.stderr, flush=True)
    padding, tokens = {}, 0
    for target, variant in (("cpu", VARIANT_OF["fp32"]), ("openvino", OPENVINO_OF["bf16"])):
        with bert_runtime.load(bundle(HEAD, variant), options=Options(target, mode="throughput")) as session:
            tokens, share = lengths(texts[count:], session)
        padding[target] = round(share, 4)
    return {"texts": count, "tokens": tokens // rounds, "padding": padding, "ways": seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--texts", type=int, default=768)
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--threads", type=int, default=2)
    parsed = flags.parse_args(arguments)
    if parsed.texts * (parsed.rounds + 1) > LARGEST:
        flags.error(f"--texts times --rounds and one to warm up is beyond the {LARGEST} texts that there are")
    found = measure(parsed.texts, parsed.rounds, parsed.threads)
    print(save("bulk", f"{HEAD}-minilm-l6", parsed.threads, found), file=sys.stderr)


if __name__ == "__main__":
    main()
