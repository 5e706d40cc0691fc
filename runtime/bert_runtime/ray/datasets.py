"""A dataset of Ray Data through actors that answer its rows."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bert_runtime import bundle as bundles
from bert_runtime.errors import InputError
from bert_runtime.hub import located
from bert_runtime.loading import start_session
from bert_runtime.options import Options
from bert_runtime.ray.workers import CHECKING, READING, Workers, fitting
from bert_runtime.table.frames import Asked, TablePlan, answered, bulk_options
from bert_runtime.tasks import find_task


def predict(
    dataset: Any,
    bundle: str | Path,
    text: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    output: Sequence[str] = (),
    workers: Workers | None = None,
) -> Any:
    """A lazy dataset with each row's answer beside what no field of a request reads; in which order, Ray decides.

    Every block is sorted by length and answered in batches by tokens. Ray starts the actors, starts them anew after a
    failure, and holds back reading when they are behind. Of a bad row the answer is null, and `error`, `code` and
    `field` say why. For a run that goes on after its driver died, set Ray's own
    `DataContext.checkpoint_config = CheckpointConfig(id_column, checkpoint_path)`, and write the dataset.

    Args:
        dataset: a ray.data.Dataset.
        bundle: its directory, under the same path on every node; or `org/name` of the hub.
        text: the column that holds the text; None: `text`.
        columns: field -> column, for any other field of the task's request.
        output: the columns of the result, of the dataset's and of the answer's; none for all.
        workers: the actors; None: one CPU each, as many as there is room for.

    Raises:
        InputError: Ray is missing, the cluster has no room, or the columns cannot be.
        BundleError: the bundle breaks its format.
    """
    ray, workers = imported(), workers or Workers()
    if not isinstance(dataset, ray.data.Dataset):
        raise InputError(f"dataset is a {type(dataset).__name__}, expected a ray.data.Dataset")
    asked = Asked(text, dict(columns or {}), tuple(output), keeps_bad=True)
    return through_actors(dataset, bundle, asked, workers)


def through_actors(dataset: Any, bundle: str | Path, asked: Asked, workers: Workers) -> Any:
    """The dataset through as many actors as there is room for; see `predict`."""
    ray = imported()
    bundles.read(located(bundle))  # what is wrong with it is said here, and not by every actor
    has_checkpoint = ray.data.DataContext.get_current().checkpoint_config is not None
    count = fitting(workers, nodes(ray), READING + CHECKING if has_checkpoint else READING)
    own = replace(workers.options, threads=workers.threads)
    # Ray merges small files into one block, which one actor would answer while the others wait.
    return dataset.repartition(target_num_rows_per_block=workers.rows).map_batches(
        Answerer,
        batch_format="pyarrow",
        batch_size=workers.rows,
        compute=ray.data.ActorPoolStrategy(size=count),
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        fn_constructor_kwargs={"bundle": str(bundle), "options": own, "asked": asked},
    )


class Answerer:
    """The actor: a loaded bundle, which answers tables."""

    def __init__(self, bundle: str, options: Options, asked: Asked) -> None:
        """Load the bundle, once for all blocks."""
        read = bundles.read(located(bundle, options.revision))
        self._session = start_session(read, bulk_options(find_task(read.manifest.task), options))
        self._plan = TablePlan(self._session, asked)

    def __call__(self, batch: Any) -> Any:
        """A table of answers to a pyarrow Table; a row's place in its block means nothing to anybody."""
        found = answered(self._session, batch, self._plan)
        return found.drop_columns(["line"]) if "line" in found.schema.names and self._plan.keeps_bad else found


def imported() -> Any:
    """The packages `ray` and `ray.data`; raises InputError where they are missing."""
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError as error:
        raise InputError(f"Ray Data is not installed ({error}); install 'bert-export[data,ray]'") from error


def nodes(ray: Any) -> list[dict[str, float]]:
    """The resources of each node that is alive; begins a local cluster where there is none."""
    if not ray.is_initialized():
        ray.init()
    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]
