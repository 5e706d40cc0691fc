"""What asks a server: clients that wait for each answer, or arrivals that wait for nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Load:
    """What became of requests: seconds of each answer by status, and how long it all took."""

    seconds: float = 0.0
    latencies: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, latency: float) -> None:
        """One answer."""
        self.latencies.setdefault(status, []).append(latency)

    @property
    def answered(self) -> list[float]:
        """The latencies of what was answered with 200, sorted."""
        return sorted(self.latencies.get(200, []))

    def quantile(self, share: float) -> float:
        """Of the answered, in milliseconds."""
        own = self.answered
        return own[min(len(own) - 1, int(share * len(own)))] * 1e3 if own else float("nan")


class Connection:
    """One connection that is kept: a request, then its answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: bytes) -> int:
        """The status of the answer, once all of it is there."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].partition(b"\r")[0])
        await reader.readexactly(length)
        return int(answer[9:12])

    def close(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()


def closed_loop(port: int, path: str, bodies: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Clients that each send their next request once the last is answered."""
    load = Load()

    async def client(first: int, until: float) -> None:
        connection, at = Connection(port), first
        while (began := time.perf_counter()) < until:
            status = await connection.ask(path, bodies[at % len(bodies)])
            load.add(status, time.perf_counter() - began)
            at += 1
        connection.close()

    async def run() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(n * len(bodies) // clients, until) for n in range(clients)))

    began = time.perf_counter()
    asyncio.run(run())
    load.seconds = time.perf_counter() - began
    return load


def poisson(port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float) -> Load:
    """Requests that arrive at `rate` a second, whatever becomes of those before; latency counts from the arrival."""
    load, free = Load(), list[Connection]()
    draw = random.Random(0)

    async def one(body: bytes, due: float) -> None:
        connection = free.pop() if free else Connection(port)
        load.add(await connection.ask(path, body), time.perf_counter() - due)
        free.append(connection)

    async def run() -> None:
        tasks = []
        due = began = time.perf_counter()
        while due < began + seconds:
            due += draw.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(draw.choice(bodies), due)))
        await asyncio.gather(*tasks)
        for connection in free:
            connection.close()

    began = time.perf_counter()
    asyncio.run(run())
    load.seconds = time.perf_counter() - began
    return load
