"""Who may ask, and over what: API keys and TLS."""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from pathlib import Path

import pytest
from tests.serving.conftest import CLASSIFIER, CLASSIFY, Running, Start

from bert_runtime.errors import InputError
from bert_serve.command import parse


def test_only_who_shows_a_key_may_ask(start: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# the first team\nabcdefgh12345678\n")
    running = start(
        str(CLASSIFIER), "--api-keys", str(keys), environment={"BERT_SERVE_API_KEYS": "other-key-000, third-key-000"}
    )
    for headers in ({}, {"authorization": "Bearer abcdefgh1234567"}, {"x-api-key": ""}, {"authorization": "Basic x"}):
        reply = running.post(CLASSIFY, {"text": "a"}, headers)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    for headers in (
        {"authorization": "Bearer abcdefgh12345678"},
        {"authorization": "bearer third-key-000"},
        {"x-api-key": "other-key-000"},
    ):
        assert running.post(CLASSIFY, {"text": "a"}, headers).status == 200
    assert running.get("/health/ready").status == 200
    assert running.get("/metrics").status == 401
    assert not [line for line in running.lines if "key-000" in line or "abcdefgh" in line]


def test_tls_is_spoken_with_the_certificate_that_was_named(start: Start, certificate: Path) -> None:
    files = ["--tls-cert", str(certificate / "cert.pem"), "--tls-key", str(certificate / "key.pem")]
    running = start(str(CLASSIFIER), *files, "--tls-client-ca", str(certificate / "cert.pem"))
    context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):  # it shows no certificate of its own
        _get(running, context)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    assert _get(running, context) == b'{"status":"ready"}'


def _get(running: Running, context: ssl.SSLContext) -> bytes:
    with urllib.request.urlopen(f"https://localhost:{running.port}/health/ready", timeout=10, context=context) as reply:
        content: bytes = reply.read()
        return content


def test_short_keys_are_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 API keys are no 8 printable ASCII characters"):
        parse(["a"], {"BERT_SERVE_API_KEYS": "short,long-enough-key"})
