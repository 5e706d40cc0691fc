"""Texts that grow together: each is the one that grows alone, whoever joins or leaves meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.runtime.serving.conftest import GOLDEN, SERVING, Open, gated

from bert_runtime.errors import InputError
from bert_runtime.generation.session import GenerationSession
from bert_runtime.loading import load
from bert_runtime.serving import Batcher, DeadlineExceeded, QueueLimits
from bert_runtime.tasks.text_generation import TEXT_GENERATION

BUNDLE: Path = GOLDEN / "text-generation"


@pytest.fixture(scope="module")
def serial() -> Iterator[GenerationSession]:
    with load(BUNDLE, TEXT_GENERATION, options=SERVING) as session:
        yield session


@pytest.fixture(scope="module")
def batcher() -> Iterator[Batcher[Any, Any]]:
    with Batcher(load(BUNDLE, options=SERVING), limits=QueueLimits(max_batch_size=6)) as made:
        yield made


def ids(result: Any) -> list[tuple[int, ...]]:
    return [each.token_ids for each in result.sequences]


PLAIN = st.fixed_dictionaries(
    {
        "prompt": st.lists(st.sampled_from(["a", "the", "film", "bad"]), max_size=8).map(" ".join),
        "max_new_tokens": st.integers(1, 14),
    },
    optional={"repetition_penalty": st.sampled_from([1.0, 1.3])},
)
SAMPLED = PLAIN.map(lambda request: {**request, "do_sample": True, "seed": 7, "num_return_sequences": 2})
BEAMS = PLAIN.map(lambda request: {**request, "num_beams": 3, "num_return_sequences": 2})
PAUSE = st.sampled_from([0.0, 0.0, 0.001, 0.004])


@given(st.lists(st.tuples(st.one_of(PLAIN, SAMPLED, BEAMS), PAUSE), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_text_is_the_one_that_grows_alone(
    serial: GenerationSession, batcher: Batcher[Any, Any], asked: list[tuple[dict[str, Any], float]]
) -> None:
    futures = []
    for request, pause in asked:
        time.sleep(pause)
        futures.append(batcher.submit(request))
    wait(futures)
    for (request, _), future in zip(asked, futures, strict=True):
        assert ids(future.result(30)) == ids(serial(request))


def test_a_decoder_that_reads_sources_has_each_text_its_own(opened: Open) -> None:
    session = opened("text-generation-from-source")
    examples = [dict(request) for request in _requests_with_sources(session)]
    with Batcher(opened("text-generation-from-source"), limits=QueueLimits(max_batch_size=5)) as batcher:
        futures = []
        for request in examples * 4:
            futures.append(batcher.submit(request))
            time.sleep(0.002)
        got = [ids(future.result(30)) for future in futures]
    assert got == [ids(session(request)) for request in examples] * 4


def _requests_with_sources(session: Any) -> Iterator[dict[str, Any]]:
    width = session.record.sizes["hidden"]
    for n in (1, 3, 6):
        hidden = [[((i * 7 + k * n) % 5) / 2 - 1 for k in range(width)] for i in range(n)]
        yield {"prompt": "a film", "max_new_tokens": 3 + n, "encoder_text": {"hidden": hidden}}
        yield {"prompt": "the", "max_new_tokens": 9, "num_beams": 2, "encoder_text": {"hidden": hidden}}


async def _joined(batcher: Batcher[Any, Any], request: dict[str, Any]) -> str:
    return "".join([part async for part in batcher.stream(request)])


def test_streamed_parts_join_to_the_text(serial: GenerationSession, batcher: Batcher[Any, Any]) -> None:
    requests = [{"prompt": "a film " * n, "max_new_tokens": 6 + n} for n in range(5)]

    async def main() -> list[str]:
        return await asyncio.gather(*(_joined(batcher, request) for request in requests))

    assert asyncio.run(main()) == ["".join(serial.stream(request)) for request in requests]


def test_a_stream_that_is_closed_grows_no_further(opened: Open) -> None:
    session = opened("text-generation")
    engine = gated(session)
    engine.gate.set()

    async def main(batcher: Batcher[Any, Any]) -> None:
        parts = batcher.stream({"prompt": "a", "max_new_tokens": 14, "eos": ""})
        await anext(parts)
        parts.close()
        ran = len(engine.batches)
        while batcher.outstanding:
            await asyncio.sleep(0.001)
        assert len(engine.batches) <= ran + 2

    with Batcher(session) as batcher:
        asyncio.run(main(batcher))


def test_beams_are_no_stream_and_other_tasks_have_none(opened: Open, batcher: Batcher[Any, Any]) -> None:
    async def main(other: Batcher[Any, Any]) -> None:
        with pytest.raises(InputError, match="streaming with num_beams 2"):
            await _joined(batcher, {"prompt": "a", "num_beams": 2, "max_new_tokens": 4})
        with pytest.raises(InputError, match="text-classification has no text to stream"):
            other.stream("a")

    with Batcher(opened("text-classification")) as other:
        asyncio.run(main(other))


def test_a_text_past_its_deadline_leaves_the_others_alone(opened: Open) -> None:
    session = opened("text-generation")
    engine = gated(session)

    async def main(batcher: Batcher[Any, Any]) -> None:
        late = batcher.begin([{"prompt": "a", "max_new_tokens": 14, "eos": ""}], timeout=0.05)
        other = batcher.begin([{"prompt": "the film", "max_new_tokens": 5, "eos": ""}])
        with pytest.raises(DeadlineExceeded):
            await late[0]
        engine.gate.set()
        assert len(ids((await other[0]).result)[0]) == 5

    with Batcher(session) as batcher:
        asyncio.run(main(batcher))


def test_an_invalid_request_is_told_with_all_its_problems(batcher: Batcher[Any, Any]) -> None:
    error = batcher.submit({"prompt": "a", "max_new_tokens": 0, "top_k": -1}).exception()
    assert isinstance(error, InputError)
    assert len(error.problems) == 2
