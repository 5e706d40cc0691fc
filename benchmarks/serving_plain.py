"""The service that most people write: FastAPI, and the session called in its thread pool.

python -m benchmarks.serving_plain BUNDLE PORT
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

import bert_runtime


class Body(BaseModel):
    """A request."""

    text: str


def make(bundle: str) -> FastAPI:
    """The application."""
    session: Any = bert_runtime.load(bundle)
    app = FastAPI()

    @app.post("/predict")
    def predict(body: Body) -> Any:
        return session({"text": body.text}).to_dict()

    return app


if __name__ == "__main__":
    uvicorn.run(make(sys.argv[1]), port=int(sys.argv[2]), log_level="error", access_log=False)
