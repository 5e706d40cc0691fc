"""LitServe with the batcher: `python examples/litserve_service.py PORT`, with the bundle's directory in BUNDLE.

The batcher collects what waits: LitServe's own batching stays off, and one worker has all CPUs.
"""

import os
import sys
from typing import Any

import litserve
from fastapi import HTTPException

import bert_runtime
from bert_runtime import InputError, Options
from bert_runtime.serving import Batcher, Overloaded


class Answers(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.batcher = Batcher(bert_runtime.load(os.environ["BUNDLE"], options=Options(mode="serving")))

    async def decode_request(self, request: dict[str, Any]) -> Any:
        return request

    async def predict(self, request: Any) -> Any:
        try:
            return await self.batcher.answer(request, timeout=30)
        except InputError as error:
            raise HTTPException(422, list(error.problems)) from error
        except Overloaded as error:
            raise HTTPException(429, str(error), {"Retry-After": "1"}) from error

    async def encode_response(self, output: Any) -> Any:
        return output.to_dict()


if __name__ == "__main__":
    server = litserve.LitServer(Answers(enable_async=True), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
