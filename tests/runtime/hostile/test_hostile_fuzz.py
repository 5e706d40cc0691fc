"""Random damage to a bundle whose digests fit: a BundleError or a bundle, no other exception and no long wait."""

from __future__ import annotations

import gc
import hashlib
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from bert_runtime import manifest_json, onnx_file
from bert_runtime.errors import BundleError

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "text-classification"
ROUNDS = 1500
MOST_SECONDS = 0.5
MOST_BYTES = 8 * 2**20
PIECES = [b"\xff" * 9, b"\x80" * 11, b"[" * 3000, b'{"a":' * 3000, b"1e999", b"\\ud800", b"null", b"-", b"9" * 5000]


def _damaged(content: bytes, chance: random.Random) -> bytes:
    """One to four of: a flipped bit, a byte set, a cut, a piece taken out, doubled, moved, or a nasty one put in."""
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(damaged) + 1)
        stop = min(len(damaged), start + chance.choice([1, 2, 8, 64, 1024]))
        kind = chance.randrange(6)
        if kind == 0 and start < len(damaged):
            damaged[start] ^= 1 << chance.randrange(8)
        elif kind == 1 and start < len(damaged):
            damaged[start] = chance.randrange(256)
        elif kind == 2:
            del damaged[start : stop if chance.random() < 0.8 else None]
        elif kind == 3:
            damaged[start:start] = damaged[start:stop]
        elif kind == 4:
            damaged[start:start] = chance.choice(PIECES)
        else:
            piece = damaged[start:stop]
            del damaged[start:stop]
            place = chance.randrange(len(damaged) + 1)
            damaged[place:place] = piece
    return bytes(damaged)


def _survives(read: Callable[[bytes], object], content: bytes, rounds: int) -> int:
    """Damage and read `rounds` times; how often it was refused. Anything but a BundleError escapes."""
    chance, refused = random.Random(hashlib.sha256(content).digest()), 0
    slowest = 0.0
    gc.disable()  # a collection of all that other tests have left is no time of the reader's
    try:
        for _ in range(rounds):
            damaged = _damaged(content, chance)
            start = time.process_time()
            try:
                read(damaged)
            except BundleError:
                refused += 1
            slowest = max(slowest, time.process_time() - start)
    finally:
        gc.enable()
    assert slowest < MOST_SECONDS
    return refused


def test_no_damage_to_a_manifest_raises_anything_but_a_bundle_error() -> None:
    refused = _survives(manifest_json.parse, (GOLDEN / "manifest.json").read_bytes(), ROUNDS)

    assert refused > 0.8 * ROUNDS


def test_no_damage_to_a_graph_raises_anything_but_a_bundle_error(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        onnx_file.read(path)

    refused = _survives(read, (GOLDEN / "model.onnx").read_bytes(), ROUNDS // 3)

    assert refused > 0.03 * ROUNDS


@pytest.mark.parametrize("start", [0, 10, 500])
def test_every_cut_of_a_graph_is_refused(start: int, tmp_path: Path) -> None:
    content, path = (GOLDEN / "model.onnx").read_bytes(), tmp_path / "model.onnx"
    for stop in range(start, start + 200):
        path.write_bytes(content[:stop])
        with pytest.raises(BundleError):
            onnx_file.read(path)


def test_reading_a_large_graph_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    content = (GOLDEN / "model.onnx").read_bytes()
    with path.open("wb") as file:  # a sparse payload of 256 MiB in the model's doc_string
        file.write(b"\x32\x80\x80\x80\x80\x01")
        file.seek(2**28, 1)
        file.write(content)
    tracemalloc.start()
    try:
        onnx_file.read(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < MOST_BYTES
