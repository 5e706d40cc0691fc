"""What a sentence-transformers directory says of pooling, normalising and length.

Its modules.json lists the steps from tokens to a vector; each step's folder holds its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_export.checkpoint.findings import Findings, read_json, read_object
from bert_export.errors import CheckpointError

KINDS = ("Transformer", "Pooling", "Normalize")
LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True)
class SentenceSettings:
    """How a sentence-transformers model makes a vector.

    Attributes:
        pooling: the mode, such as mean or cls; several are joined by +.
        normalize: whether the vectors are scaled to unit length.
        max_length: the longest sequence in tokens; None where the directory does not say.
    """

    pooling: str
    normalize: bool
    max_length: int | None


def read_sentence_settings(folder: Path, findings: Findings) -> SentenceSettings | None:
    """The settings, or None where the directory is not of sentence-transformers.

    Raises:
        CheckpointError: files that cannot be read, or steps that the exported graph would lack.
    """
    if not (folder / "modules.json").is_file():
        return None
    modules = _modules(folder)
    strange = [kind for kind in modules if kind not in KINDS]
    if strange or "Pooling" not in modules:
        raise CheckpointError(
            f"modules.json lists {', '.join(modules)}; expected Transformer, Pooling and perhaps Normalize: "
            "other steps would be lost; give another model, or remove modules.json to export the encoder alone"
        )
    _note_prompt(folder, findings)
    pooling = _pooling(read_object(_inside(folder, modules["Pooling"]) / "config.json"))
    return SentenceSettings(pooling, "Normalize" in modules, _max_length(folder))


def _modules(folder: Path) -> dict[str, str]:
    """Kind of module (the class's own name) -> its folder, in order."""
    entries = read_json(folder / "modules.json")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CheckpointError("modules.json is no list of modules; fetch the checkpoint again")
    return {str(entry.get("type")).rpartition(".")[2]: str(entry.get("path", "")) for entry in entries}


def _inside(folder: Path, name: str) -> Path:
    """A sub-directory, which must not lead out of the checkpoint."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise CheckpointError(f"modules.json names the folder {name!r}, expected one inside the checkpoint")
    return path


def _pooling(config: Mapping[str, Any]) -> str:
    """The mode of a Pooling module, in the old spelling (one flag for each mode) or the new one."""
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in LEGACY_MODES.items() if config.get(key)] or ["mean"]
    return modes if isinstance(modes, str) else "+".join(map(str, modes))


def _max_length(folder: Path) -> int | None:
    path = folder / "sentence_bert_config.json"
    length = read_object(path).get("max_seq_length") if path.is_file() else None
    if length is not None and (not isinstance(length, int) or length < 1):
        raise CheckpointError(f"sentence_bert_config.json says max_seq_length {length!r}, expected a number of tokens")
    return length


def _note_prompt(folder: Path, findings: Findings) -> None:
    """sentence-transformers puts a default prompt before every text; the exported model does not."""
    path = folder / "config_sentence_transformers.json"
    name = read_object(path).get("default_prompt_name") if path.is_file() else None
    if name:
        findings.notes.append(f"the default prompt {name!r} is not added: put it before your texts")
