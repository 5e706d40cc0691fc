"""Where a checkpoint lies: a local directory, or a hub id that is fetched into the local cache."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bert_export.checkpoint.findings import Findings, listing
from bert_export.checkpoint.folder import Folder
from bert_export.errors import CheckpointError

# "name" or "organisation/name", as the hub writes it; anything else can only be a path.
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class CheckpointLocation:
    """What the user asks for.

    Attributes:
        model: a directory in Hugging Face's layout, or a hub id such as organisation/name.
        adapter: a PEFT adapter to merge into it: a directory or a hub id.
        revision: the branch, tag or commit of the hub id `model`.
        name: what provenance calls the model in place of its directory's name.
    """

    model: str
    adapter: str | None = None
    revision: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Places:
    """The model's directory, the adapter's, and what provenance calls the model."""

    model: Folder
    adapter: Folder | None
    name: str


def locate_all(source: CheckpointLocation, findings: Findings) -> Places:
    """Where the model and its adapter lie, fetched where need be.

    Raises:
        CheckpointError: one of them or both cannot be had.
    """
    model = adapter = None
    with findings.collecting():
        model = locate(source.model, source.revision, findings)
    if source.adapter is not None:
        with findings.collecting():
            adapter = locate(source.adapter, None, findings)
    findings.check()
    assert model is not None  # else there was a problem, and check() has raised
    return Places(model, adapter, source.name or model.name)


def locate(model: str, revision: str | None, findings: Findings) -> Folder:
    """The directory of a checkpoint or an adapter; a directory goes before a hub id of the same name.

    Raises:
        CheckpointError: there is no such directory and no hub that has it, or it is a file, or it is empty.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return _local(path, model, revision)
    if path.exists():
        raise CheckpointError(
            f"{model} is a file; expected a directory with config.json: give the directory it lies in"
        )
    if not HUB_ID.fullmatch(model):
        raise CheckpointError(
            f"{model!r} is no directory; expected a checkpoint's directory or a hub id such as org/name"
        )
    from bert_export.checkpoint.hub import fetch  # noqa: PLC0415 - the hub's client: not for a local directory

    return fetch(model, revision, findings)


def _local(path: Path, model: str, revision: str | None) -> Folder:
    if revision is not None:
        raise CheckpointError(
            f"revision {revision!r} was given for the directory {model}; a revision needs a hub id: leave it out"
        )
    if listing(path) == "nothing":
        raise CheckpointError(f"{model} is an empty directory; expected config.json, weights and a tokenizer in it")
    return Folder(path, path.resolve().name or "checkpoint")
