from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from benchmarks.environments import CTRANSLATE2, OPTIMUM, OPTIMUM_INTEL, Environment, EnvironmentMissingError
from benchmarks.peers import ELSEWHERE, PEERS
from benchmarks.workload import Model

from benchmarks import race

TINY = Model("text-classification", "tiny")


@pytest.fixture
def unmakeable(tmp_path: Path) -> Environment:
    """An environment whose only package is not there."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"{tmp_path}/nowhere-1.0-py3-none-any.whl\n", encoding="utf-8")
    return Environment("unmakeable", requirements, tmp_path / "venvs")


def test_an_environment_that_cannot_be_made_says_why_and_leaves_nothing(unmakeable: Environment) -> None:
    with pytest.raises(EnvironmentMissingError, match=r"unmakeable cannot be made: .*nowhere-1\.0"):
        unmakeable.make()
    assert not unmakeable.is_made
    assert not unmakeable.interpreter.exists()


def test_an_environment_has_its_packages_and_torch_of_the_one_that_made_it(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# nothing but torch\n", encoding="utf-8")
    environment = Environment("bare", requirements, tmp_path)
    place = "import importlib.util as u; print(u.find_spec('torch').origin, u.find_spec('transformers'))"
    found = subprocess.run([environment.make(), "-c", place], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) in found
    assert found.endswith(" None\n"), "a package of the benchmarks' own environment is seen"


def test_other_requirements_are_another_environment(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("a==1\n", encoding="utf-8")
    environment = Environment("one", requirements, tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "made-from").write_text(environment.version, encoding="utf-8")
    assert environment.is_made
    requirements.write_text("a==2\n", encoding="utf-8")
    assert not environment.is_made


@pytest.mark.parametrize("environment", [OPTIMUM, OPTIMUM_INTEL, CTRANSLATE2], ids=lambda each: each.name)
def test_every_requirement_is_pinned_and_none_is_torch(environment: Environment) -> None:
    lines = environment.requirements.read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in line for line in pinned)
    assert not any(line.startswith("torch") for line in pinned)
    assert {line.split("==")[0] for line in pinned} >= set(environment.versions) != set()


def test_a_peer_without_its_environment_is_skipped_by_name(
    unmakeable: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(race, "ELSEWHERE", {"ctranslate2": unmakeable})
    race.build(["torch-eager", "ctranslate2"], TINY, tmp_path)
    assert race.built(["torch-eager", "ctranslate2"], TINY, tmp_path) == ("torch-eager",)
    told = capsys.readouterr().err
    assert "ctranslate2 is skipped: the environment unmakeable cannot be made" in told
    assert "not built, skipped: ctranslate2" in told


def test_only_peers_that_there_are_live_elsewhere() -> None:
    assert set(ELSEWHERE) <= set(PEERS)
