"""A service of your own: `uvicorn --app-dir examples fastapi_service:app`, with the bundle's directory in BUNDLE."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException

import bert_runtime
from bert_runtime import InputError, Options
from bert_runtime.serving import Batcher, DeadlineExceeded, Overloaded


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    session = bert_runtime.load(os.environ["BUNDLE"], options=Options(mode="serving"))
    with Batcher(session) as app.state.batcher:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/answer")
async def answer(request: dict[str, Any]) -> Any:
    try:
        return (await app.state.batcher.answer(request, timeout=30)).to_dict()
    except InputError as error:
        raise HTTPException(422, list(error.problems)) from error
    except Overloaded as error:
        raise HTTPException(429, str(error), {"Retry-After": "1"}) from error
    except DeadlineExceeded as error:
        raise HTTPException(504, str(error)) from error
