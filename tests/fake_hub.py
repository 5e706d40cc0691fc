"""A hub on this machine: what the real huggingface_hub asks of one, kept in a folder for each repository."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


class FakeHub:
    """Repositories by name: revision -> files; `asked` has every path that was asked for."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.asked: list[str] = []
        self.endpoint = ""

    def put(self, repository: str, folder: Path, revision: str = "main") -> None:
        """Take over the files of a folder."""
        files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        self.repositories.setdefault(repository, {})[revision] = files

    def find(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """(commit, files) of a branch or a commit."""
        revisions = self.repositories.get(repository, {})
        for name, files in revisions.items():
            commit = commit_of(files)
            if revision in (name, commit):
                return commit, files
        return None


def commit_of(files: dict[str, bytes]) -> str:
    """40 hexadecimal digits of what the files hold."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """A hub that listens on a port of its own as long as this is open."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(path)
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif "/preupload/" in path:
            files = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                for each in json.loads(body)["files"]
            ]
            self._json({"files": files})
        elif "/branch/" in path:
            repository, revision = path.removeprefix("/api/models/").split("/branch/")
            revisions = self.hub.repositories[repository]
            revisions.setdefault(revision, dict(revisions["main"]))
            self._json({})
        elif "/commit/" in path:
            self._commit(path, body)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        else:
            self._json({"error": "not found"}, 404)

    def _create(self, wish: dict[str, Any]) -> None:
        name = f"{wish['organization']}/{wish['name']}" if wish.get("organization") else wish["name"]
        if wish.get("private") or wish.get("visibility") == "private":
            self.hub.private.add(name)
        self.hub.repositories.setdefault(name, {"main": {}})
        self._json({"url": f"{self.hub.endpoint}/{name}", "name": name})

    def _commit(self, path: str, body: bytes) -> None:
        repository, revision = path.removeprefix("/api/models/").split("/commit/")
        files = self.hub.repositories[repository][revision]
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        commit = commit_of(files)
        url = f"{self.hub.endpoint}/{repository}/commit/{commit}"
        self._json({"commitUrl": url, "commitOid": commit, "success": True})

    def _get(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(path)
        if path.startswith("/api/models/"):
            repository, _, rest = path.removeprefix("/api/models/").partition("/revision/")
            repository, _, tree = repository.partition("/tree/")
            found = self.hub.find(repository, rest or tree or "main")
            if found is None:
                self._missing(repository)
            elif tree:
                self._json(
                    [
                        {"type": "file", "path": name, "size": len(data), "oid": commit_of({name: data})}
                        for name, data in found[1].items()
                    ]
                )
            else:
                self._json({"id": repository, "sha": found[0], "siblings": [{"rfilename": name} for name in found[1]]})
            return
        repository, _, rest = path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        found = self.hub.find(repository, revision)
        if found is None:
            self._missing(repository)
        elif name not in found[1]:
            self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            data = found[1][name]
            headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": found[0]}
            self._answer(data, 200, {**headers, "Content-Type": "application/octet-stream"})

    def _missing(self, repository: str) -> None:
        code = "RevisionNotFound" if repository in self.hub.repositories else "RepoNotFound"
        self._json({"error": "not found"}, 404, {"X-Error-Code": code})

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._answer(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _answer(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""
