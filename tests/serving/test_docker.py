"""The image of docker/Dockerfile: small, without torch, and at work as a user that can write nowhere."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.conftest import CLASSIFIER
from tests.serving.dockerfile import VENV, build, contained, one, stages

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker/Dockerfile"
MOST_BYTES = 250e6
ABSENT = ("torch", "transformers", "onnx", "bert_export", "bert_calibration", "pip")


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    """A folder that any user may read, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="bert-serve-image-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(work: Path) -> Path:
    """The first stage's outcome."""
    build(stages(FILE)[0], ROOT, work / "image")
    return work / "image"


def test_the_image_is_small_and_has_no_torch(image: Path) -> None:
    files = [path for path in (image / VENV[1:]).rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_blocks * 512 for path in files)
    print(f"{size / 1e6:.0f} MB")
    assert size <= MOST_BYTES
    installed = {path.name for path in (image / VENV[1:]).glob("lib/python3*/site-packages/*")}
    assert not installed & set(ABSENT)
    assert {"bert_runtime", "bert_serve", "onnxruntime", "uvloop"} <= installed


def test_the_image_serves_as_a_user_that_can_write_nowhere(image: Path, work: Path) -> None:
    final = stages(FILE)[1]
    user = one(final, "USER").value
    assert int(user) > 0
    assert f"--uid {user}" in one(final, "RUN").value
    assert one(final, "COPY").value == f"--from=build {VENV} {VENV}"
    shutil.copytree(CLASSIFIER, work / "bundle")
    port, free = one(final, "EXPOSE").value, "18017"
    command = [word.replace(port, free) for word in one(final, "ENTRYPOINT").words]
    check = [word.replace(port, free) for word in one(final, "HEALTHCHECK").words]
    assert free in command
    environment = dict(word.split("=", 1) for word in one(final, "ENV").words)
    path = environment["PATH"].replace(VENV, f"{image}{VENV}").replace("$PATH", "/usr/bin:/bin")
    environment |= {"PATH": path, "HOME": "/nonexistent"}
    assert not _is_healthy(contained(check, work, user, environment))
    server = subprocess.Popen(
        contained([*command, str(work / "bundle")], work, user, environment), stderr=subprocess.PIPE, text=True
    )
    try:
        assert any(_is_healthy(contained(check, work, user, environment)) for _ in _tries())
        probe = contained(
            ["python", "-c", "import os; print(os.geteuid(), os.access('/tmp', os.W_OK))"], work, user, environment
        )
        said = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()
        assert said == [user, "False"] or "unshare" not in probe
    finally:
        server.terminate()
        _, told = server.communicate(timeout=30)
    assert server.returncode == 0, told


def _tries() -> Iterator[int]:
    for i in range(60):
        yield i
        time.sleep(0.5)


def _is_healthy(check: list[str]) -> bool:
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def test_the_image_for_a_gpu_differs_in_what_it_installs_alone() -> None:
    cpu, gpu = (
        [f"{each.keyword} {each.value}" for stage in stages(path) for each in stage]
        for path in (FILE, FILE.with_suffix(".gpu"))
    )
    assert [line for line in gpu if line not in cpu] == [
        "RUN /opt/bert-serve/bin/pip install --no-cache-dir --constraint constraints.txt '.[gpu,serve]' "
        "'onnxruntime-gpu[cuda,cudnn]'",
        "ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        *(line for line in gpu if line.startswith("HEALTHCHECK")),
    ]


@pytest.mark.slow
def test_an_engine_builds_the_image_and_it_is_healthy(tmp_path: Path) -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no container engine runs here: the other tests run the steps")
    subprocess.run(["docker", "build", "--file", str(FILE), "--tag", "bert-serve-test", str(ROOT)], check=True)
    volume = f"{CLASSIFIER}:/bundles/model:ro"
    options = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--volume", volume]
    started = ["docker", "run", "--detach", "--rm", *options, "bert-serve-test", "/bundles/model"]
    name = subprocess.run(started, check=True, capture_output=True, text=True).stdout.strip()
    try:
        state = ["docker", "inspect", "--format", "{{.State.Health.Status}}", name]
        assert any(
            subprocess.run(state, capture_output=True, text=True, check=True).stdout == "healthy\n" for _ in _tries()
        )
    finally:
        subprocess.run(["docker", "stop", name], check=True)
