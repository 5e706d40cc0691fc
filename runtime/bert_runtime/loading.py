"""From a bundle directory to a session: check it, choose the artefact, start its engine."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, overload

from bert_runtime import bundle as bundles
from bert_runtime.backends.by_mask import EngineByMask
from bert_runtime.backends.engine import Engine, LoadedArtefact, PackedEngine
from bert_runtime.backends.on_demand import EngineOnDemand
from bert_runtime.backends.options import EngineOptions
from bert_runtime.backends.select import Choice, select
from bert_runtime.compiled import compiled_folder, default_profile
from bert_runtime.errors import BackendError, BundleError, InputError, Problem
from bert_runtime.fields import expected, mistakes
from bert_runtime.generation.encoder import Encoder
from bert_runtime.generation.session import GenerationSession
from bert_runtime.generation.sources import Sources
from bert_runtime.hub import located
from bert_runtime.manifest import Artefact
from bert_runtime.options import Options
from bert_runtime.proving import check_canaries, check_first_answer
from bert_runtime.schedule import Schedule
from bert_runtime.session import Session
from bert_runtime.targets import AUTO, BY_NAME
from bert_runtime.tasks import find_task
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded, Task
from bert_runtime.tasks.text_generation import Prompt, TextGenerationRequest, TextGenerationResult
from bert_runtime.text import TextEncoder

RequestT = TypeVar("RequestT", bound=Request)
EncodedT = TypeVar("EncodedT", bound=Encoded)
ResultT = TypeVar("ResultT")

Prove: TypeAlias = Callable[[bundles.Bundle, Session[Any, Any]], None]
"""What raises a BackendError for a session that does not answer as it should."""

Verify: TypeAlias = Literal["canaries"] | None
"""What `load` does with a session before it gives it away."""

_log = logging.getLogger("bert_runtime")


@overload
def load(
    path: str | Path, task: str | None = ..., *, options: Options = ..., verify: Verify = ...
) -> Session[Any, Any]: ...


@overload
def load(
    path: str | Path,
    task: Task[TextGenerationRequest, Prompt, TextGenerationResult],
    *,
    options: Options = ...,
    verify: Verify = ...,
) -> GenerationSession: ...


@overload
def load(
    path: str | Path, task: Task[RequestT, EncodedT, ResultT], *, options: Options = ..., verify: Verify = ...
) -> Session[RequestT, ResultT]: ...


def load(
    path: str | Path,
    task: Task[Any, Any, Any] | str | None = None,
    *,
    options: Options | None = None,
    verify: Verify = None,
) -> Session[Any, Any]:
    """Check a bundle and make it ready to answer.

    Args:
        path: the bundle's directory; where there is none of that name, `org/name` or `org/name@revision`: a
            repository on the Hugging Face hub, which is fetched into its cache (the extra `hub`).
        task: what the bundle must be of: a name or alias such as `qa`, or a value such as
            `bert_runtime.QUESTION_ANSWERING`, with which the session is typed.
        options: how it is loaded.
        verify: "canaries" asks the loaded artefact the requests that the bundle carries with torch's answers.

    Raises:
        BundleError: the directory breaks the format, or is of another task; or the hub has no such bundle; or it has
            no canaries to verify with.
        BackendError: no engine here runs it, or not the target that was named: a named target never falls back; or it
            does not answer the canaries as torch did.
        InputError: an argument is of a wrong type; there is no such task; or the cache lies in the bundle.
    """
    wanted = _wanted(path, task, options, verify)
    bundle = bundles.read(located(path, (options or Options()).revision))
    if wanted is not None and wanted is not find_task(bundle.manifest.task):
        message = f"{path}: the bundle's task is {bundle.manifest.task}, expected {wanted.name}"
        raise BundleError(Problem("wrong-task", "task", message))
    session = start_session(bundle, options or Options())
    return session if verify is None else _proven(session, check_canaries, bundle)


def _proven(session: Session[Any, Any], prove: Prove, bundle: bundles.Bundle) -> Session[Any, Any]:
    """The session; one that does not answer as it should is closed."""
    try:
        prove(bundle, session)
    except BaseException:
        session.close()
        raise
    return session


def _wanted(path: object, task: object, options: object, verify: object) -> Task[Any, Any, Any] | None:
    """The task that the arguments of `load` name.

    Raises:
        InputError: what is wrong with any of them.
    """
    problems = mistakes("path", path, str | Path)
    if not (options is None or isinstance(options, Options)):
        problems.append(expected("options", options, "bert_runtime.Options: give them as in Options(threads=2)"))
    if verify not in (None, "canaries"):
        problems.append(expected("verify", verify, "'canaries' or None"))
    found = None
    try:
        found = find_task(task) if isinstance(task, str) else task
    except InputError as error:
        problems += error.faults
    if not (found is None or isinstance(found, Task)):
        problems.append(expected("task", task, "a task's name such as 'qa', or a task such as QUESTION_ANSWERING"))
        found = None
    if problems:
        raise InputError(problems)
    return found


def start_session(bundle: bundles.Bundle, options: Options) -> Session[Any, Any]:
    """The session of a bundle that has been read already; see `load`."""
    if options.mode == "throughput" and find_task(bundle.manifest.task).is_autoregressive:
        raise InputError("mode is 'throughput', expected latency: each token of a text waits for the one before")
    choice = select(bundle.manifest, options.target)
    if options.encoder is not None and choice.artefact.cross_kv_graph is None:
        raise InputError(
            f"an encoder is given ({options.encoder}), expected none: the bundle in {bundle.directory} reads no encoder"
        )
    record = bundle.manifest.tokenizer
    text = TextEncoder.from_file(bundle.directory / record.file, record)
    while True:
        try:
            session = _session(bundle, choice, text, options)
            return _proven(session, check_first_answer, bundle) if session.is_on_gpu else session
        except BackendError as error:
            if choice.fallback is None:
                raise
            failure = f"{choice.active_target} could not be started: {error}"
            other = choice.fallback
            warnings.warn(f"{failure}; {other.active_target} runs instead", stacklevel=3)  # the caller of `load`
            choice = replace(other, reason=f"{other.reason}; {failure}")


def _session(bundle: bundles.Bundle, choice: Choice, text: TextEncoder, options: Options) -> Session[Any, Any]:
    """What answers with the artefact of the choice."""
    loaded = _start(bundle, choice, options)
    _log.info("%s runs on %s (%s): %s", bundle.directory, loaded.active_target, loaded.engine.name, loaded.reason)
    target, layout = BY_NAME[loaded.active_target], options.thread_layout(loaded.active_target)
    limits = options.batch_limits
    if target.has_profile:  # the engine takes no more rows than it is built for
        most = default_profile(bundle, loaded.artefact, options).axes.get("batch", (1, 1, limits.max_batch_size))[2]
        limits = replace(limits, max_batch_size=min(limits.max_batch_size, most))
    if limits.pad_to_multiple_of is None:
        multiple = target.pad_to_multiple_of
        limits = replace(limits, pad_to_multiple_of=multiple.throughput if layout.streams else multiple.latency)
    task, schedule = find_task(bundle.manifest.task), Schedule(limits, layout.streams, layout.concurrency)
    if task.is_autoregressive:
        sources = _sources(bundle, choice, options)
        return GenerationSession(bundle.manifest, text, loaded, schedule, sources)
    return Session(bundle.manifest, task, text, loaded, schedule)


def _start(bundle: bundles.Bundle, choice: Choice, options: Options) -> LoadedArtefact:
    packed = _packed_engine(bundle, choice, options)
    if packed is None:
        engine = _engine(bundle, choice, options)
    else:
        engine = EngineOnDemand(packed.engine.name, lambda: _engine(bundle, choice, options))
    artefact, target, reason = choice.artefact, choice.active_target, choice.reason
    return LoadedArtefact(artefact, engine, target, reason, choice.right_padded, packed)


def _packed_engine(bundle: bundles.Bundle, choice: Choice, options: Options) -> PackedEngine | None:
    """What answers texts that share rows, in throughput mode on an engine that this is faster on."""
    artefact = choice.artefact.packed_artefact
    is_wanted = options.mode == "throughput" and BY_NAME[choice.active_target].packs_sequences
    if not is_wanted or artefact is None or choice.artefact.sequence_packing is None:
        return None
    engine = choice.start(bundle.directory, artefact, _engine_options(bundle, choice, artefact, options))
    return PackedEngine(choice.artefact.sequence_packing, engine)


def _engine(bundle: bundles.Bundle, choice: Choice, options: Options) -> Engine:
    """The artefact's engine; with one for right-padded masks beside it, both, of which the other is loaded later."""

    def start(artefact: Artefact) -> Engine:
        return choice.start(bundle.directory, artefact, _engine_options(bundle, choice, artefact, options))

    if choice.right_padded is None:
        return start(choice.artefact)
    return EngineByMask(start(choice.right_padded), lambda: start(choice.artefact))


def _sources(bundle: bundles.Bundle, choice: Choice, options: Options) -> Sources | None:
    """Where what a decoder reads besides its prompt comes from; None for one that reads no encoder."""
    source = choice.artefact.cross_kv_artefact
    if choice.artefact.cross_kv_graph is None or source is None:
        return None
    encoder = None
    if options.encoder is not None:
        own = replace(options, target=AUTO, encoder=None, revision=None)
        encoder = Encoder(load(options.encoder, FEATURE_EXTRACTION, options=own))
    engine = choice.start(bundle.directory, source, _engine_options(bundle, choice, source, options))
    return Sources(choice.artefact.cross_kv_graph, engine, bundle.manifest.sizes, encoder)


def _engine_options(bundle: bundles.Bundle, choice: Choice, artefact: Artefact, options: Options) -> EngineOptions:
    cache = compiled_folder(bundle, artefact, BY_NAME[choice.active_target], options.cache)
    gpu = replace(options.gpu, profile=default_profile(bundle, choice.artefact, options))
    layout = options.thread_layout(choice.active_target)
    return EngineOptions(layout.threads, cache, gpu, layout.concurrency)
