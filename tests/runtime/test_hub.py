"""A bundle is loaded by its repository's name with the real huggingface_hub, from a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fake_hub import FakeHub, fake_hub

import bert_runtime
from bert_runtime import hub as hub_module
from bert_runtime.errors import BackendError, BundleError
from bert_runtime.hub import located

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "text-classification"
NAME = "org/head"
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as made:
        made.put(NAME, GOLDEN)
        made.repositories[NAME]["main"]["pytorch_model.bin"] = b"not of the bundle"
        yield made


@pytest.fixture
def command(hub: FakeHub, tmp_path: Path) -> Command:
    """`bert-run` in a process of its own: huggingface_hub reads its environment when it is imported."""

    def run(*arguments: str, module: str = "bert_runtime.cli", **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0", **environment}
        line = [sys.executable, *(["-m", module] if module else []), *arguments]
        return subprocess.run(
            line, env={**os.environ, **own}, capture_output=True, text=True, check=False, cwd=tmp_path
        )

    return run


def test_a_repository_answers_as_the_bundle_and_then_without_a_network(hub: FakeHub, command: Command) -> None:
    online = command(NAME, "--text", "good")
    fetched = [path for path in hub.asked if "/resolve/" in path]
    offline = command(NAME, "--text", "good", HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    with bert_runtime.load(GOLDEN) as session:
        expected = session.task.name

    assert online.returncode == offline.returncode == 0, online.stderr + offline.stderr
    assert json.loads(online.stdout) == json.loads(offline.stdout)
    assert expected == "text-classification"
    assert fetched
    assert not [path for path in fetched if path.endswith("pytorch_model.bin")]


def test_a_revision_is_another_bundle(hub: FakeHub, command: Command) -> None:
    hub.put(NAME, GOLDEN.parent / "fill-mask", revision="v2")

    assert json.loads(command(f"{NAME}@v2", "--describe", "--json").stdout)["task"] == "fill-mask"
    assert json.loads(command(NAME, "--describe", "--json").stdout)["task"] == "text-classification"


def test_the_doctor_and_the_benchmark_take_it_by_its_name(hub: FakeHub, command: Command) -> None:
    examined = command(NAME, "--json", module="bert_runtime.cli.doctor")
    assert json.loads(examined.stdout)["faults"] == 0, examined.stderr
    assert "portable fp32" in examined.stdout
    few = ("--json", "--batches", "1", "--lengths", "8", "--seconds", "0.01", "--threads", "1")
    measured = command(NAME, *few, module="bert_runtime.cli.bench")
    assert json.loads(measured.stdout)["task"] == "text-classification", measured.stderr


def test_a_revision_is_not_that_of_an_encoder_beside_it(hub: FakeHub, command: Command) -> None:
    hub.put("org/decoder", GOLDEN.parent / "text-generation-from-source", revision="v2")
    hub.put("org/encoder", GOLDEN.parent / "feature-extraction")
    code = (
        "import bert_runtime as b; "
        "o = b.Options(encoder='org/encoder', revision='v2', threads=1); "
        "r = {'prompt': '', 'encoder_text': 'a film', 'max_new_tokens': 1}; "
        "print(len(b.load('org/decoder', options=o)(r).sequences))"
    )
    done = command("-c", code, module=None)
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.parametrize("name", ["org/none", f"{NAME}@none", "org/empty"])
def test_what_the_hub_does_not_have_is_an_error_with_what_to_do(name: str, hub: FakeHub, command: Command) -> None:
    hub.repositories["org/empty"] = {"main": {"config.json": b"{}"}}
    done = command(name, "--text", "good")

    assert (done.returncode, done.stdout) == (2, "")
    assert "is no directory here, and the hub gives no bundle of that name" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "head").symlink_to(GOLDEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub_module, "_snapshot", lambda *_: pytest.fail("asked the hub"))

    assert located(NAME) == Path(NAME)
    assert located(Path("none/here")) == Path("none/here")
    assert located("./none/here") == Path("./none/here")


def test_without_huggingface_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BackendError, match=r"org/none is no directory here.*pip install 'bert-export\[hub\]'"):
        bert_runtime.load("org/none")


def test_two_revisions_are_refused() -> None:
    with pytest.raises(BundleError, match="names one revision and the option revision another"):
        bert_runtime.load("org/none@a", options=bert_runtime.Options(revision="b"))
