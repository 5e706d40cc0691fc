"""What a server that cannot begin says, and what it ends with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serving.conftest import CLASSIFIER, Running, start_server

from bert_runtime.errors import InputError
from bert_serve.command import parse


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    shutil.copytree(CLASSIFIER, tmp_path / "broken")
    (tmp_path / "broken" / "manifest.json").write_text("{}")
    return tmp_path / "broken"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bundle_that_cannot_be_loaded_ends_the_command(broken: Path, workers: str) -> None:
    with pytest.raises(AssertionError, match="the server did not begin") as told:
        start_server([str(CLASSIFIER), str(broken), "--workers", workers])
    assert "manifest.json" in str(told.value)


def test_a_port_that_is_taken_is_named(server: Running) -> None:
    command = [sys.executable, "-m", "bert_serve", str(CLASSIFIER), "--port", str(server.port)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2, ran.stderr
    assert f"127.0.0.1:{server.port}" in ran.stderr


WRONG = {
    "no bundle": ([], "got no bundle, expected one directory at least"),
    "two of a name": (["a", "x/a"], "two bundles are called 'a'"),
    "a name that is none": (["ä b=dir"], "the model's name is 'ä b', expected letters"),
    "a queue too small": (["a", "--queue", "5"], "limits.items is 128 with a queue of 5"),
    "half a certificate": (["a", "--tls-cert", "x"], "--tls-key is missing"),
    "an unknown flag": (["a", "--prot", "1"], "did you mean --port?"),
    "a port beyond": (["a", "--port", "70000"], "port is 70000, expected 0 to 65535"),
    "an unknown target": (["a", "--target", "cpo"], "did you mean cpu?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_flags_are_told(case: str) -> None:
    arguments, told = WRONG[case]
    with pytest.raises(InputError) as error:
        parse(arguments, {})
    assert told in str(error.value)
