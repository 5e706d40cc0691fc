"""`bert-run --engine ray`: files through the actors of a cluster, and the bad rows among the answers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bert_runtime.cli.boundary import tell
from bert_runtime.cli.command import Command
from bert_runtime.cli.data.places import filesystem, find_places, is_remote
from bert_runtime.cli.files import ClusterFiles, Files, Outcome
from bert_runtime.errors import BackendError, InputError
from bert_runtime.ray.datasets import imported, through_actors
from bert_runtime.ray.workers import Workers
from bert_runtime.record_writers import encode
from bert_runtime.table.arrow_rows import plain
from bert_runtime.table.extras import fsspec
from bert_runtime.table.frames import Asked

BAD_ROWS = "_bad_rows.jsonl"
"""The side file, in the output's folder."""


def answer_on_cluster(command: Command, files: Files, workers: Workers) -> int:
    """Answer every row of the input on Ray Data; the exit code.

    Raises:
        InputError: Ray is missing, the cluster has no room, a file is not what it seems, or a row is bad and `errors`
            is fail.
        BackendError: a task failed more often than Ray tries it.
    """
    ray, own = imported(), ClusterFiles(files)
    try:
        written(ray, command, own, workers)
    except ray.exceptions.RayError as error:
        cause = error.cause if isinstance(getattr(error, "cause", None), Exception) else None
        raise BackendError(_told(cause or error)) from None
    outcome = judged(files.output, own.output_format) if files.errors == "skip" else Outcome(1, 0)
    if outcome.skipped:
        rows = outcome.answered + outcome.skipped
        tell("bert-run", f"{outcome.skipped} of {rows} lines skipped; see {files.output.rstrip('/')}/{BAD_ROWS}")
    return outcome.exit_code


def written(ray: Any, command: Command, own: ClusterFiles, workers: Workers) -> None:
    """Read, answer and write; with an id column, Ray notes which rows are done."""
    files = own.files
    columns = dict(pair.split("=", 1) for pair in files.column)
    asked = Asked(files.text_column, columns, files.columns, files.errors == "skip", command.fields)
    paths = [_absolute(place.path) for place in find_places(files.input)]
    if not ray.is_initialized():
        started(ray)
    if files.id_column:
        config = checkpoint_config()(files.id_column, _absolute(own.checkpoint), delete_checkpoint_on_success=True)
        ray.data.DataContext.get_current().checkpoint_config = config
    read = ray.data.read_json if files.input_kind.name == "jsonl" else ray.data.read_parquet
    dataset = through_actors(read(paths), str(command.bundle.directory), asked, workers)
    target = _absolute(files.output)
    if own.output_format == "jsonl":
        dataset.write_json(target, mode="append")
    else:
        dataset.write_parquet(target, mode="append")


def started(ray: Any) -> None:
    """Join the cluster that RAY_ADDRESS names, or begin one on this machine.

    Raises:
        BackendError: neither is possible.
    """
    try:
        ray.init(log_to_driver=False)
    except Exception as error:  # of any class: its processes, its network
        raise BackendError(f"Ray cannot be started: {_told(error)}; start a cluster and set RAY_ADDRESS") from error


def checkpoint_config() -> Any:
    """Ray's CheckpointConfig.

    Raises:
        InputError: this version of Ray has none.
    """
    try:
        return importlib.import_module("ray.data.checkpoint").CheckpointConfig
    except ImportError as error:
        raise InputError(f"this Ray keeps no checkpoints ({error}); install 'bert-export[data,ray]' anew") from error


def judged(output: str, file_format: str) -> Outcome:
    """How many rows have an answer; the others are written to the side file, with what is passed on and the reason."""
    good = bad = 0
    with _side_file(output) as side:
        for batch in _batches(output, file_format):
            errors = batch.column("error")
            good += errors.null_count
            bad += len(errors) - errors.null_count
            for row in batch.filter(errors.is_valid()).to_pylist():
                kept = {name: value for name, value in row.items() if value is not None}
                side.write(encode(json.dumps(plain(kept), ensure_ascii=False)) + b"\n")
    return Outcome(good, bad)


def _batches(output: str, file_format: str) -> Iterator[Any]:
    dataset = importlib.import_module("pyarrow.dataset")
    form = "json" if file_format == "jsonl" else "parquet"
    ignored = [".", "_"]
    if is_remote(output):
        system, path = filesystem(output)
        found = dataset.dataset(path, filesystem=system, format=form, ignore_prefixes=ignored)
    else:
        found = dataset.dataset(output, format=form, ignore_prefixes=ignored)
    return iter(found.to_batches())


def _side_file(output: str) -> Any:
    path = f"{output.rstrip('/')}/{BAD_ROWS}"
    if is_remote(path):
        return fsspec().open(path, "wb")
    return Path(path).open("wb")


def _absolute(path: str) -> str:
    return path if is_remote(path) else str(Path(path).resolve())


def _told(error: Exception) -> str:
    """The last line of what an actor raised, without its frames."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
