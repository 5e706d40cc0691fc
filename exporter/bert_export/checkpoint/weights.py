"""The weight files of a checkpoint or an adapter: found, opened, and named with their digests before any is used."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from bert_export.checkpoint.findings import Findings, listing, read_object, reading
from bert_export.checkpoint.printable import listed
from bert_export.errors import CheckpointError

# In the order in which transformers and peft look for them.
MODEL_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_model.bin")
FLOATS = ("F64", "F32", "F16", "BF16")  # as safetensors writes them; 8-bit floats need scales from elsewhere
STATES = ("state_dict", "model_state_dict", "model", "module")  # where trainers put the weights in their own files
OTHER_FORMATS = (
    "tf_model.h5",
    "flax_model.msgpack",
    "model.ckpt.index",
    "bert_model.ckpt.index",
    "model.onnx",
    "pytorch_adapter.bin",
)


@dataclass(frozen=True)
class Saved:
    """One tensor of a file, known without reading its values.

    Attributes:
        shape: its sizes.
        is_floating: whether it holds floating-point numbers of 16 bits or more.
    """

    shape: tuple[int, ...]
    is_floating: bool


def find_weights(folder: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    """The weight files of the first format present: one file, or every shard of an index.

    Raises:
        CheckpointError: no weights, or an index that names files which are missing or lie elsewhere.
    """
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        other = next((name for name in OTHER_FORMATS if (folder / name).is_file()), None)
        fix = (
            f"load {other} with the library that wrote it, and use save_pretrained" if other else "use save_pretrained"
        )
        raise CheckpointError(f"no weights: found {listing(folder)}; expected {' or '.join(names)}: {fix}")
    return _shards(found) if found.name.endswith(".index.json") else (found,)


def note_second_weights(folder: Path, files: tuple[Path, ...], findings: Findings) -> None:
    """Name the weights of another format or save that lie beside those that are read."""
    read = {path.name for path in files} | {f"{path.name}.index.json" for path in files}
    more = [name for name in MODEL_FILES if name not in read and (folder / name).is_file()]
    more = [name for name in more if not (name.endswith(".index.json") and len(files) > 1)]
    if more:
        findings.notes.append(
            f"{listed(more)} lies beside {files[0].name} and was not read: transformers takes the latter; where that "
            "is the older save, remove it"
        )


def _shards(index: Path) -> tuple[Path, ...]:
    """The files that a sharded checkpoint's index names."""
    places = read_object(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise CheckpointError(
            f"{index.name} has no weight_map of names; expected weight -> file: fetch the checkpoint again"
        )
    names = sorted(set(places.values()))
    outside = [name for name in names if Path(name).name != name]
    missing = [name for name in names if name not in outside and not (index.parent / name).is_file()]
    if outside or missing:
        raise CheckpointError(
            f"{index.name} names files that are not in the directory: {', '.join(outside + missing)}; fetch them all"
        )
    return tuple(index.parent / name for name in names)


def read_header(files: tuple[Path, ...], findings: Findings) -> dict[str, Saved]:
    """What is saved under each name; opens every file, and each broken one becomes a problem of its own."""
    found: dict[str, Saved] = {}
    for path in files:
        with findings.collecting():
            _refuse_pointer(path)
            found |= _of_safetensors(path) if path.suffix == ".safetensors" else _of_pickle(path)
    return found


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(24)
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path.name} is a Git LFS pointer, expected the weights: run `git lfs pull`")


def _of_safetensors(path: Path) -> dict[str, Saved]:
    damaged = "expected whole safetensors; the file is damaged or cut short: fetch it again"
    with reading(path.name, damaged), safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        return {name: Saved(tuple(each.get_shape()), each.get_dtype() in FLOATS) for name, each in slices.items()}


def _of_pickle(path: Path) -> dict[str, Saved]:
    """The tensors in a torch pickle, read without running anything in it."""
    import torch  # noqa: PLC0415 - safetensors are read without it

    with reading(path.name, "expected a file of tensors written by torch.save; it is damaged: fetch it again"):
        try:
            content = torch.load(path, map_location="meta", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"{path.name} is no plain file of tensors: it asks for Python objects, which could run code, and "
                "was not executed; expected tensors alone: where you trust it, load it there and save it as safetensors"
            ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} holds a {type(content).__name__}, expected a dictionary of tensors")
    others = sorted(str(name) for name, value in content.items() if not isinstance(value, torch.Tensor))
    if others:
        inside = next((key for key in STATES if isinstance(content.get(key), dict)), None)
        fix = (
            f"load {inside} into the model's class, and use save_pretrained" if inside else "save the state_dict alone"
        )
        raise CheckpointError(f"{path.name} holds more than tensors: {listed(others)}; {fix}")
    floats = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    return {str(name): Saved(tuple(value.shape), value.dtype in floats) for name, value in content.items()}


def digests(files: tuple[Path, ...]) -> dict[str, str]:
    """File name -> SHA-256 in hexadecimal."""
    found = {}
    for path in files:
        with path.open("rb") as stream:
            found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found
