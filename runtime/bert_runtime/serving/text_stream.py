"""A text as it grows, for a task of asyncio."""

from __future__ import annotations

import asyncio
from typing import Self

from bert_runtime.serving.answered import Answered
from bert_runtime.tasks.text_generation import TextGenerationResult


class TextStream:
    """An iterator over the parts of a text; its request ends with it, at `close` or at the end of an `async with`."""

    def __init__(
        self, parts: asyncio.Queue[str | None], future: asyncio.Future[Answered[TextGenerationResult]]
    ) -> None:
        self._parts = parts
        self._future = future

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        part = None if self._future.done() and self._parts.empty() else await self._parts.get()
        if part is not None:
            return part
        await self._future  # what it met is raised here
        raise StopAsyncIteration

    @property
    def answered(self) -> Answered[TextGenerationResult]:
        """The whole answer, once the parts are over."""
        return self._future.result()

    def close(self) -> None:
        """The text grows no further."""
        self._future.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
