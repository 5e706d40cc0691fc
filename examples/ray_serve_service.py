"""Ray Serve with the batcher: `serve run --app-dir examples ray_serve_service:app`, the bundle's directory in BUNDLE.

A replica holds one batcher with as many threads as CPUs; Ray Serve's own batching stays off.
"""

import os
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

import bert_runtime
from bert_runtime import InputError, Options
from bert_runtime.serving import Batcher, Overloaded

CPUS = 2


@serve.deployment(ray_actor_options={"num_cpus": CPUS}, max_ongoing_requests=256)
class Answers:
    def __init__(self) -> None:
        options = Options(mode="serving", threads=CPUS)
        self.batcher = Batcher(bert_runtime.load(os.environ["BUNDLE"], options=options))

    async def __call__(self, request: Request) -> Any:
        try:
            return (await self.batcher.answer(await request.json(), timeout=30)).to_dict()
        except InputError as error:
            return JSONResponse({"error": list(error.problems)}, 422)
        except Overloaded as error:
            return JSONResponse({"error": str(error)}, 429, {"Retry-After": "1"})


app = Answers.bind()
