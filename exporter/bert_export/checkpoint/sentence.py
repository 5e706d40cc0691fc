"""What a sentence-transformers directory says of pooling and normalising.

Its modules.json lists the steps from tokens to a vector; each step's folder holds its settings. The order counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bert_export.checkpoint.findings import Findings, read_json, read_object
from bert_export.checkpoint.keys import account, shown
from bert_export.checkpoint.printable import listed
from bert_export.checkpoint.sentence_files import LEGACY_MODES, LIBRARY, NORMALIZE, POOLING
from bert_export.errors import CheckpointError

NAMESPACE = "sentence_transformers."
# Where the library kept its classes: models.* before version 5.4, and the folders of 5.4 and of 6 since then.
PLACES = ("models", "sentence_transformer.modules", "base.modules")
KINDS = ("Transformer", "Pooling", "Dense", "Normalize")
ORDER = re.compile("Transformer Pooling( Dense)*( Normalize)?")
EXPECTED = "expected Transformer, Pooling, any number of Dense and perhaps Normalize, in this order"
MAX_STEPS = 100
# Directories of old versions, whose numbers are the order of the steps.
OLD_FOLDER = re.compile(r"(\d)_(BERT|Transformer|Pooling|Normalize|Dense|Dropout)")


@dataclass(frozen=True)
class SentenceSettings:
    """How a sentence-transformers model makes a vector.

    Attributes:
        pooling: the mode, such as mean or cls; several are joined by +.
        normalize: whether the vectors are scaled to unit length.
        dense: the folders of dense layers between them.
        prompts: name -> what may be put before a text.
        default_prompt: the name of the one that the library puts there unasked.
    """

    pooling: str
    normalize: bool
    dense: tuple[Path, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None


@dataclass(frozen=True)
class Step:
    """One entry of modules.json: the class's name and the step's folder."""

    kind: str
    folder: Path


def transformer_folder(folder: Path) -> Path:
    """Where the model's own files lie: the directory itself, or its sub-directory for the Transformer.

    Raises:
        CheckpointError: modules.json cannot be read, or names a folder that is not inside the checkpoint.
    """
    steps = _steps(folder)
    return steps[0].folder if steps and steps[0].kind == "Transformer" else folder


def step_of_tokens(folder: Path, for_vectors: bool) -> Path | None:
    """Where sentence_bert_config.json lies, if sentence-transformers calls the model for the task.

    Its models for vectors have a Pooling, its cross-encoders none. A head that was put on a model for vectors is called
    by transformers.

    Raises:
        CheckpointError: see `transformer_folder`.
    """
    kinds = [step.kind for step in _steps(folder)]
    return transformer_folder(folder) if kinds and ("Pooling" in kinds) == for_vectors else None


def read_sentence_settings(folder: Path, findings: Findings) -> SentenceSettings | None:
    """The settings, or None where the directory is not of sentence-transformers.

    Raises:
        CheckpointError: files that cannot be read, or steps that the exported graph would lack.
    """
    steps = [step for step in _steps(folder) if step.kind != "Dropout"]
    if not steps:
        return None
    kinds = tuple(step.kind for step in steps)
    if not ORDER.fullmatch(" ".join(kinds)):
        raise CheckpointError(
            f"modules.json lists {listed(kinds)}; {EXPECTED}: {_why_not(kinds)}; give another model, or remove "
            "modules.json to export the encoder alone"
        )
    pooling = read_object(steps[1].folder / "config.json")
    account(POOLING, pooling, findings)
    prompts, default = _prompts(folder, pooling, findings)
    last = steps[-1]
    if last.kind == "Normalize" and (last.folder / "config.json").is_file() and last.folder != folder:
        account(NORMALIZE, read_object(last.folder / "config.json"), findings)
    dense = tuple(step.folder for step in steps if step.kind == "Dense")
    return SentenceSettings(_mode(pooling), last.kind == "Normalize", dense, prompts, default)


def _why_not(kinds: tuple[str, ...]) -> str:
    """What is wrong with these steps."""
    foreign = [kind for kind in kinds if kind not in KINDS]
    if foreign:
        return f"the exported model has no {listed(foreign)}"
    missing = [kind for kind in KINDS[:2] if kind not in kinds]
    return f"without {' and '.join(missing)} there is no vector" if missing else "another order gives another vector"


def _steps(folder: Path) -> list[Step]:
    """The entries of modules.json; where an old directory has none, its numbered sub-directories."""
    if not (folder / "modules.json").is_file():
        return _numbered(folder)
    entries = read_json(folder / "modules.json")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or not entries:
        raise CheckpointError("modules.json is no list of modules; fetch the checkpoint again")
    if len(entries) > MAX_STEPS:
        raise CheckpointError(f"modules.json lists {len(entries)} modules, expected at most {MAX_STEPS}; {EXPECTED}")
    return [Step(_kind(entry.get("type")), _inside(folder, entry.get("path", ""))) for entry in entries]


def _numbered(folder: Path) -> list[Step]:
    names = sorted(each.name for each in folder.iterdir() if each.is_dir() and OLD_FOLDER.fullmatch(each.name))
    kinds = [name.partition("_")[2].replace("BERT", "Transformer") for name in names]
    return (
        [Step(*pair) for pair in zip(kinds, map(folder.joinpath, names), strict=True)] if "Transformer" in kinds else []
    )


def _kind(type_name: object) -> str:
    """The class's own name where it is the library's; the whole name of a foreign class."""
    place, _, kind = str(type_name).rpartition(".")
    if kind == "BERT" and place == f"{NAMESPACE}models":
        return "Transformer"  # its name before version 0.3
    known = any(place == NAMESPACE + each or place == f"{NAMESPACE}{each}.{kind.lower()}" for each in PLACES)
    return kind if known else str(type_name)


def _inside(folder: Path, name: object) -> Path:
    """A sub-directory, which must not lead out of the checkpoint."""
    if isinstance(name, str) and "\0" not in name:
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()):
            return path
    raise CheckpointError(f"modules.json names the folder {shown(name)}, expected one inside the checkpoint")


def _mode(config: Mapping[str, Any]) -> str:
    """The mode of a Pooling module, in the old spelling (one flag for each mode) or the new one."""
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in LEGACY_MODES.items() if config.get(key)] or ["mean"]
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or not modes or not all(isinstance(mode, str) for mode in modes):
        raise CheckpointError(
            f"the Pooling's config.json says pooling_mode {shown(modes)}, expected a mode such as 'mean': correct it"
        )
    return "+".join(modes)


def _prompts(folder: Path, pooling: Mapping[str, Any], findings: Findings) -> tuple[dict[str, str], str | None]:
    """The prompts that say something, by name, and the name of the default one."""
    path = folder / "config_sentence_transformers.json"
    content = read_object(path) if path.is_file() else {}
    account(LIBRARY, content, findings)
    given, name = content.get("prompts") or {}, content.get("default_prompt_name")
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise CheckpointError(
            f"config_sentence_transformers.json says prompts {shown(given)}, expected texts by name: correct it"
        )
    prompts = {str(key): text for key, text in given.items() if text}
    if name and pooling.get("include_prompt") is False:
        findings.problems.append(
            f"the default prompt {shown(name)} is read but not pooled (include_prompt is false), expected one that is: "
            "no bundle leaves tokens out of the mean; give another model"
        )
    if prompts and pooling.get("include_prompt") is False:
        findings.notes.append("prompts are not carried: they are read but not pooled (include_prompt is false)")
        return {}, None
    return prompts, name if name in prompts else None
