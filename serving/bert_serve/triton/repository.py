"""The plot: read the bundles, lay out a folder for each model, and rename the whole into its place."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bert_runtime import bundle as bundles
from bert_runtime import manifest_json
from bert_runtime.bundle import Bundle
from bert_runtime.errors import InputError
from bert_runtime.hub import located
from bert_runtime.options import Options
from bert_serve.options import NamedBundle
from bert_serve.triton.config import ModelConfig
from bert_serve.triton.tensor_model import LABELS, TensorModel, tensor_models
from bert_serve.triton.text_model import SOURCE, text_model

VERSION = "1"


@dataclass(frozen=True)
class TritonOptions:
    """What a model repository is made of.

    Attributes:
        bundles: each under the name that clients call it by.
        directory: the repository.
        load: how the Python backend loads a bundle: its target and threads.
        force: whether a repository that is there is replaced.

    Raises:
        InputError: on construction: no bundle, or two of one name.
    """

    bundles: tuple[NamedBundle, ...]
    directory: Path
    load: Options = field(default_factory=Options)
    force: bool = False

    def __post_init__(self) -> None:
        if not self.bundles:
            raise InputError("got no bundle, expected one directory at least: bert-serve --write-triton DIR BUNDLE…")
        _raise_for_twins([bundle.name for bundle in self.bundles])


def write_repository(options: TritonOptions) -> tuple[str, ...]:
    """Write it, whole or not at all; the models' names.

    Files of a bundle are hard links where the file system can have them, and copies elsewhere.

    Raises:
        InputError: the directory is there, or two models would have one name.
        BundleError: a bundle breaks its format.
        OSError: a file cannot be written.
    """
    _check_place(options)
    read = [(each.name, bundles.read(located(each.path))) for each in options.bundles]
    tensors = [(each, model) for name, each in read for model in tensor_models(name, each)]
    texts = [(each, text_model(name, each.manifest, options.load)) for name, each in read]
    names = [config.name for _, config in texts] + [model.config.name for _, model in tensors]
    _raise_for_twins(names)
    options.directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{options.directory.name}-", dir=options.directory.parent) as scratch:
        made = Path(scratch) / "made"
        for bundle, config in texts:
            _lay_text_model(made / config.name, bundle, config)
        for bundle, model in tensors:
            _lay_tensor_model(made / model.config.name, bundle, model)
        _put(made, options.directory, Path(scratch) / "old")
    return tuple(sorted(names))


def _raise_for_twins(names: Sequence[str]) -> None:
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise InputError(
            f"two models would be called {name!r}, expected a name for each; name bundles as in NAME=DIR"
            for name in twins
        )


def _check_place(options: TritonOptions) -> None:
    """Refuse to replace what is no model repository, and one that is without `force`."""
    place = options.directory
    if not os.path.lexists(place):
        return
    entries = sorted(place.iterdir()) if place.is_dir() and not place.is_symlink() else [place]
    foreign = next((entry for entry in entries if not (entry / "config.pbtxt").is_file()), None)
    if foreign is not None:
        raise InputError(f"{place}: {foreign.name} is no model of Triton's; write to another directory")
    if entries and not options.force:
        raise InputError(
            f"{place}: holds {len(entries)} models; write to another directory, or replace it with --force"
        )


def _lay_text_model(folder: Path, bundle: Bundle, config: ModelConfig) -> None:
    own = folder / VERSION / "bundle"
    own.mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config.to_text(), encoding="utf-8")
    shutil.copyfile(SOURCE, folder / VERSION / "model.py")
    for name in (*bundle.manifest.files, manifest_json.NAME):
        link(bundle.directory / name, own / name)


def _lay_tensor_model(folder: Path, bundle: Bundle, model: TensorModel) -> None:
    own = folder / VERSION
    own.mkdir(parents=True)
    (folder / "config.pbtxt").write_text(model.config.to_text(), encoding="utf-8")
    if model.labels:
        (folder / LABELS).write_text(
            "".join(f"{' '.join(label.split())}\n" for label in model.labels), encoding="utf-8"
        )
    link(bundle.directory / model.graph, own / "model.onnx")
    for name in model.data:
        link(bundle.directory / name, own / name)


def link(source: Path, target: Path) -> None:
    """Another name for a file; a copy where the file system has no second names, or not across these folders."""
    with contextlib.suppress(OSError):
        os.link(source.resolve(), target)
        return
    shutil.copyfile(source, target)


def _put(made: Path, place: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    made.rename(place)
