"""The bundles that are served, by name: each with its batcher, and threads that all of them share."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from bert_runtime import load
from bert_runtime.errors import BertError
from bert_runtime.options import Options
from bert_runtime.serving import Batcher, Observer, Workers
from bert_runtime.session import Session
from bert_serve.options import NamedBundle, ServeOptions
from bert_serve.problems import problem

_log = logging.getLogger("bert_serve")


@dataclass(frozen=True)
class Model:
    """One of them."""

    name: str
    path: str
    batcher: Batcher[Any, Any]

    @property
    def session(self) -> Session[Any, Any]:
        """The one that answers now."""
        return self.batcher.session

    @property
    def task(self) -> str:
        """Its name."""
        return self.session.task.name

    @property
    def artefact(self) -> str:
        """Which artefact answers, and by what engine: `cpu int8, onnxruntime …`."""
        session = self.session
        return f"{session.artefact.target} {session.artefact.precision}, {session.engine.name}"


class Models:
    """All of them, in the order in which they were named."""

    def __init__(self, options: ServeOptions, observe: Callable[[str], Observer]) -> None:
        """Load every bundle, and let each answer one of its examples, so that nobody waits for an engine's first run.

        Args:
            observe: a model's name -> who is told of its work.

        Raises:
            BertError: a bundle cannot be loaded; none is left open.
        """
        self._options = replace(options.load, mode="serving")
        self._workers = Workers(self._options.threads)
        self._models: dict[str, Model] = {}
        try:
            for bundle in options.bundles:
                session = _warm(_load(bundle, self._options))
                batcher = Batcher(session, self._workers, options.queue, observe(bundle.name))
                self._models[bundle.name] = Model(bundle.name, bundle.path, batcher)
        except BaseException:
            self.close(0)
            raise

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def named(self, name: object) -> Model:
        """The model of a name; raises Problem where there is none."""
        found = self._models.get(name) if isinstance(name, str) else None
        if found is None:
            raise problem(
                404, "unknown_model", f"there is no model {name!r:.80}; there are {', '.join(self._models)}", "model"
            )
        return found

    def of_task(self, tasks: Sequence[str], name: object = None) -> Model:
        """The first model of one of these tasks, or the one of the name, which must be; raises Problem."""
        wanted = " or ".join(tasks)
        if name is not None:
            model = self.named(name)
            if model.task not in tasks:
                raise problem(
                    422, "wrong_task", f"the model {model.name!r} is of {model.task}, expected {wanted}", "model"
                )
            return model
        found = next((model for model in self if model.task in tasks), None)
        if found is None:
            raise problem(404, "no_model_of_task", f"no model is of {wanted}; there are {self._told()}")
        return found

    def reload(self) -> list[Future[None]]:
        """Load every bundle again from its directory, and swap each. One that cannot be loaded goes on as it is."""
        swapped = []
        for model in self:
            try:
                session = _warm(_load(NamedBundle(model.name, model.path), self._options))
                swapped.append(model.batcher.swap(session))
            except BertError as error:
                _log.error("the model %s was not loaded again: %s", model.name, error)
            else:
                _log.info("the model %s was loaded again: %s", model.name, model.artefact)
        return swapped

    def close(self, timeout: float) -> None:
        """Answer what was admitted, for at most `timeout` seconds each, and free every bundle."""
        for model in self:
            model.batcher.close(timeout)
        self._workers.close()

    def _told(self) -> str:
        return ", ".join(f"{model.name} ({model.task})" for model in self)


def _load(bundle: NamedBundle, options: Options) -> Session[Any, Any]:
    try:
        with warnings.catch_warnings(record=True) as warned:
            session: Session[Any, Any] = load(bundle.path, options=options)
    except BertError as error:
        error.add_note(f"while the model {bundle.name!r} was loaded")
        raise
    for warning in warned:
        _log.warning("%s: %s", bundle.name, warning.message)
    return session


def _warm(session: Session[Any, Any]) -> Session[Any, Any]:
    """Answer an example, where it can be answered: a bundle may read too few tokens for it."""
    for request in session.task.examples_for(session.text)[:1]:
        list(session.predict([request], errors="return"))
    return session
