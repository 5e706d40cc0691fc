"""The page at `/`, for people: the files of the package, and what a browser is told of their safety."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from bert_serve.call import Answer, Call
from bert_serve.endpoint import Sendable, get

_FOLDER = Path(__file__).parents[1] / "page"
_INDEX = "index.html"
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
}
# Nothing from elsewhere, no script in the page itself, no markup out of strings, and in no frame of others.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True)
class Asset:
    """A file of the page: its content, the same compressed, its type, and a tag that changes with the content."""

    body: bytes
    compressed: bytes
    content_type: bytes
    tag: bytes

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Read it."""
        body = path.read_bytes()
        return cls(
            body,
            gzip.compress(body, mtime=0),
            _TYPES[path.suffix],
            f'"{hashlib.sha256(body).hexdigest()[:20]}"'.encode(),
        )


ASSETS = {path.name: Asset.read(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
PATHS = frozenset(("/", *(f"/page/{name}" for name in ASSETS)))
"""Addresses that need no key: a browser asks for them before a person has shown one."""


async def index(call: Call) -> Sendable:
    """The page itself."""
    return _answer(call, ASSETS[_INDEX])


async def file(call: Call) -> Sendable:
    """What the page is made of."""
    asset = ASSETS.get(call.parameter("name"))
    if asset is None:
        raise HTTPException(404)
    return _answer(call, asset)


def _answer(call: Call, asset: Asset) -> Answer:
    """The file, unless the browser has it: it asks each time, so that a newer server has no old page."""
    headers = [
        (b"etag", asset.tag),
        (b"vary", b"accept-encoding"),
        (b"cache-control", b"no-cache"),
        (b"content-security-policy", _POLICY),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
    ]
    if call.header(b"if-none-match") == asset.tag:
        return Answer(b"", 304, asset.content_type, headers)
    if b"gzip" in (call.header(b"accept-encoding") or b""):
        return Answer(asset.compressed, 200, asset.content_type, [*headers, (b"content-encoding", b"gzip")])
    return Answer(asset.body, 200, asset.content_type, headers)


ROUTES: list[BaseRoute] = [get("/", index), get("/page/{name}", file)]
