"""One peer of `real_text` in a process of its own: `python -m benchmarks.text_worker build|serve SPEC`, SPEC as JSON:
{"peer", "task", "checkpoint", "bundles", "folder", "threads", "in_bulk"}.

`serve` answers orders, one JSON object a line: {"requests": a JSON Lines file, "answers": true or false} gives the
milliseconds of each request, or in bulk of all of them together, and the answers where they are asked for.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers.text import TEXT_PEERS, Answers, Place
from benchmarks.worker import serve


def main(arguments: list[str]) -> None:
    """Build or serve; what libraries print goes to standard error, so that answers stay readable."""
    verb, text = arguments
    spec = json.loads(text)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bundles = {variant: Path(path) for variant, path in spec["bundles"].items()}
    place = Place(spec["task"], Path(spec["checkpoint"]), bundles, Path(spec["folder"]))
    peer = TEXT_PEERS[spec["peer"]]
    if verb == "build":
        peer.build(place)
    else:
        answer = peer.load(place, spec["threads"], spec["in_bulk"])
        serve(handler(answer, spec["in_bulk"]), answers)


def handler(answer: Answers, in_bulk: bool) -> Callable[[Any], dict[str, Any]]:
    """What becomes of an order."""

    def handle(order: Any) -> dict[str, Any]:
        lines = Path(order["requests"]).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        found, milliseconds = list[str](), list[float]()
        for asked in [records] if in_bulk else [[record] for record in records]:
            began = time.perf_counter_ns()
            found += answer(asked)
            milliseconds.append(round((time.perf_counter_ns() - began) / 1e6, 4))
        return {"milliseconds": milliseconds, "answers": found if order["answers"] else []}

    return handle


if __name__ == "__main__":
    main(sys.argv[1:])
