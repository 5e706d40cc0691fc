"""Clients that ask without a pause, and notice what is lost."""

from __future__ import annotations

import http.client
import json
import threading

from tests.serving.conftest import CLASSIFY


class Client(threading.Thread):
    """Asks without a pause on a connection that it keeps, until it cannot connect any more."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self._port = port
        self.stopped = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self.stopped.is_set():
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                return  # nobody listens any more: nothing was accepted
            try:
                connection.request("POST", CLASSIFY, json.dumps({"text": "a good film " * 3}))
                reply = connection.getresponse()
                reply.read()
                self.statuses.append(reply.status)
                if reply.getheader("connection") == "close":
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return


def clients(port: int, count: int) -> list[Client]:
    """So many, which have begun."""
    made = [Client(port) for _ in range(count)]
    for client in made:
        client.start()
    return made


def lost(asking: list[Client]) -> list[str | int]:
    """Once all have ended: what they met in place of an answer."""
    found: list[str | int] = []
    for client in asking:
        client.join(30)
        found += client.lost
        found += [status for status in client.statuses if status != 200]
    return found
