"""How fast a bundle is on this machine: every artefact that runs here, in turns, on the same inputs.

One call of each in every round, so that what disturbs the machine disturbs all, and ratios taken round by round.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bert_runtime.backends.engine import Array
from bert_runtime.bundle import Bundle
from bert_runtime.errors import BackendError, InputError
from bert_runtime.loading import start_session
from bert_runtime.options import Options
from bert_runtime.session import Session
from bert_runtime.tasks import find_task

SETTLE = 0.05
"""Seconds between two artefacts: an engine's threads wait for work in a loop, and would take a CPU from the next."""

WARM_UP, LEAST, MOST = 2, 5, 200
"""Rounds that are not counted, and how many are at least and at most."""

CHOICES, MASKS = 4, 1


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        targets: names of artefacts; empty for every one that runs here.
        batches, lengths: rows, and tokens of a row, of the network alone.
        seconds: about how long each line of the table takes for each artefact.
        threads: see Options.
    """

    targets: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1, 8)
    lengths: tuple[int, ...] = (32, 128, 384)
    seconds: float = 1.0
    threads: int | None = None

    def __post_init__(self) -> None:
        numbers = {"batches": self.batches, "lengths": self.lengths}
        problems = [
            f"{name} holds {value}, expected numbers of {least} or more"
            for name, least in (("batches", 1), ("lengths", 2))
            for value in numbers[name]
            if value < least
        ]
        if not self.seconds > 0:
            problems.append(f"seconds is {self.seconds}, expected more than 0")
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class Line:
    """One artefact at one work.

    Attributes:
        work: network: ids in, outputs out; requests: the task's own examples, one after another, from text to answer;
            bulk: many of them in throughput mode.
        batch, length: rows, and tokens of a row; of requests, how many a call answers, and None.
        artefact: its target and precision; right_padded if it is the one for such masks of two, which reads every
            batch here.
        p50, p90, p99: milliseconds of a call.
        per_second: rows, or answers, a second, by the median.
        ratio: how many times as fast as the first artefact, the median over rounds.
        rounds: how many calls were counted.
    """

    work: str
    batch: int
    length: int | None
    artefact: str
    p50: float
    p90: float
    p99: float
    per_second: float
    ratio: float
    rounds: int


def bench(bundle: Bundle, plan: Plan, skipped: Callable[[str], None]) -> Iterator[Line]:
    """The lines as they are measured; `skipped` is called with the reason for each that cannot be.

    Raises:
        BackendError: nothing of the bundle runs here, or not the target that was named.
    """
    with contextlib.ExitStack() as stack:
        sessions = _sessions(stack, bundle, plan, ("latency", skipped))
        first = next(iter(sessions.values()))
        if find_task(bundle.manifest.task).is_autoregressive:
            skipped("the network alone: a decoder's cost of a token depends on those before; see its requests")
        else:
            yield from _network(sessions, plan, skipped)
        yield from _requests(sessions, plan)
    if not first.task.is_autoregressive:
        with contextlib.ExitStack() as stack:
            yield from _bulk(_sessions(stack, bundle, plan, ("throughput", lambda _: None)), plan)


def _sessions(
    stack: contextlib.ExitStack, bundle: Bundle, plan: Plan, how: tuple[str, Callable[[str], None]]
) -> dict[str, Session[Any, Any]]:
    """Artefact -> its session in a mode, closed by `stack`; `skipped` is called with the reason where there is none."""
    mode, skipped = how
    found: dict[str, Session[Any, Any]] = {}
    artefacts = {target: held.artefact for target, held in bundle.manifest.by_target.items()}
    held = {target: f"{target} {artefact.precision}" for target, artefact in artefacts.items()}
    options = Options(threads=plan.threads, mode=mode)
    for target in plan.targets or held:
        try:
            session = stack.enter_context(start_session(bundle, replace(options, target=target)))
        except BackendError as error:
            if plan.targets:
                raise
            skipped(f"{held[target]}: {error}")
        else:
            masks = " right_padded" if session.right_padded is not None else ""
            found[f"{session.artefact.target} {session.artefact.precision}{masks}"] = session
    if not found:
        raise BackendError("no artefact of the bundle runs here: see above, and `bert-doctor DIR`")
    return found


def _network(sessions: Mapping[str, Session[Any, Any]], plan: Plan, skipped: Callable[[str], None]) -> Iterator[Line]:
    longest = next(iter(sessions.values())).text.max_length
    for batch in plan.batches:
        for length in plan.lengths:
            if length > longest:
                skipped(f"{length} tokens: the model takes {longest}")
                continue
            works = {name: _run(session, batch, length) for name, session in sessions.items()}
            yield from _lines(("network", batch, length), works, plan)


def _run(session: Session[Any, Any], batch: int, length: int) -> Callable[[], object]:
    feeds = _feeds(session, batch, length)
    return lambda: session.run(feeds)


def _feeds(session: Session[Any, Any], batch: int, length: int) -> dict[str, Array]:
    """Random ids, every token read."""
    random = np.random.default_rng(0)
    sizes = {"batch": batch, "sequence": length, "choices": CHOICES, "masks": MASKS}
    shapes = {spec.name: [sizes[axis] for axis in spec.axes] for spec in session.artefact.inputs}
    feeds: dict[str, Array] = {}
    for name, shape in shapes.items():
        if name == "input_ids":
            feeds[name] = random.integers(0, session.text.vocabulary_size, shape, dtype=np.int64)
        elif name == "attention_mask":
            feeds[name] = np.ones(shape, np.int64)
        else:  # token types, and the places of masks
            feeds[name] = np.zeros(shape, np.int64)
    return feeds


def _requests(sessions: Mapping[str, Session[Any, Any]], plan: Plan) -> Iterator[Line]:
    """The task's own examples, one by one."""
    examples = _examples(next(iter(sessions.values())))
    if not examples:
        return

    def ask(session: Session[Any, Any]) -> Callable[[], object]:
        return lambda: [session(example) for example in examples]

    works = {name: ask(session) for name, session in sessions.items()}
    yield from _lines(("requests", len(examples), None), works, plan)


def _bulk(sessions: Mapping[str, Session[Any, Any]], plan: Plan) -> Iterator[Line]:
    examples = _examples(next(iter(sessions.values())))
    if not examples:
        return
    many = [examples[i % len(examples)] for i in range(max(128, len(examples)))]

    def ask(session: Session[Any, Any]) -> Callable[[], object]:
        return lambda: list(session.predict(many))

    works = {name: ask(session) for name, session in sessions.items()}
    yield from _lines(("bulk", len(many), None), works, plan)


def _examples(session: Session[Any, Any]) -> Sequence[Mapping[str, Any]]:
    """Those examples that this bundle can answer: a vocabulary may lack their letters, a decoder wants a source."""
    answerable = []
    for example in session.task.examples_for(session.text):
        try:
            session.prepare(example)
        except InputError:
            continue
        answerable.append(example)
    return answerable


def _lines(named: tuple[str, int, int | None], works: Mapping[str, Callable[[], object]], plan: Plan) -> Iterator[Line]:
    work, batch, length = named
    times = rounds(works, plan.seconds)
    first = next(iter(times.values()))
    for name, spent in times.items():
        milliseconds = sorted(second * 1e3 for second in spent)
        p50, p90, p99 = (float(np.percentile(milliseconds, share)) for share in (50, 90, 99))
        ratio = statistics.median(one / other for one, other in zip(first, spent, strict=True))
        yield Line(work, batch, length, name, p50, p90, p99, batch / p50 * 1e3, ratio, len(spent))


def rounds(works: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    """Seconds of one call of each work in every round; about `seconds` of the slowest one's calls, LEAST at least."""
    slowest = max(min(_spent(work) for _ in range(WARM_UP)) for work in works.values())
    number = int(min(MOST, max(LEAST, seconds / slowest)))
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(number):
        for name, work in works.items():
            if len(works) > 1:
                time.sleep(SETTLE)
                work()
            times[name].append(_spent(work))
    return times


def _spent(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
