"""Virtual environments of peers that cannot live in the benchmarks' own: made when first asked for, from pinned files.

Each is `build/benchmarks/venvs/NAME`, from NAME.txt beside this file. torch is no part of the files: it is linked from
the environment that asks, so that peers have the same build of it, and a GB less of disk each.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "benchmarks" / "venvs"
LINKED = ("torch", "torchgen", "functorch", "torch-*.dist-info")
"""What belongs to torch in a site-packages folder."""
TOLD = (
    "ctranslate2",
    "infinity_emb",
    "nncf",
    "onnxruntime",
    "openvino",
    "optimum",
    "optimum-intel",
    "optimum-onnx",
    "transformers",
)
"""Packages whose versions belong to a measurement."""


class EnvironmentMissingError(Exception):
    """An environment could not be made; the message says why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment by its name.

    Attributes:
        requirements: pinned requirements, everything that is installed.
        folder: where environments are made.
    """

    name: str
    requirements: Path
    folder: Path = FOLDER

    @classmethod
    def of(cls, name: str) -> Environment:
        """The one of NAME.txt beside this file."""
        return cls(name, Path(__file__).parent / f"{name}.txt")

    @property
    def version(self) -> str:
        """A digest of the requirements: other ones make another environment."""
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()[:16]

    @property
    def versions(self) -> dict[str, str]:
        """Those of the packages of TOLD that it has."""
        lines = self.requirements.read_text(encoding="utf-8").splitlines()
        pinned = (line.split("==") for line in lines if "==" in line)
        return {name: version for name, version in pinned if name in TOLD}

    @property
    def interpreter(self) -> Path:
        """Its Python, which is there once `make` has run."""
        return self.folder / self.name / "bin" / "python"

    @property
    def is_made(self) -> bool:
        """Whether it is there, from these requirements."""
        stamp = self.folder / self.name / "made-from"
        return stamp.is_file() and stamp.read_text(encoding="utf-8") == self.version

    def make(self) -> Path:
        """Its Python; the environment is made unless it is there.

        Raises:
            EnvironmentMissingError: a package could not be installed, for example without a network.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two benchmarks may ask at the same time
            if not self.is_made:
                self._make(self.folder / self.name)
        return self.interpreter

    def _make(self, place: Path) -> None:
        print(f"making the virtual environment {place}", file=sys.stderr, flush=True)
        # pip of the benchmarks' own environment: one of the new one's own takes as long to install as all the rest
        pip = [sys.executable, "-m", "pip", "--python", str(self.interpreter), "--disable-pip-version-check"]
        try:
            venv.create(place, with_pip=False, clear=True)
            _link_torch(next(place.glob("lib/python*/site-packages")))
            command = [*pip, "install", "--quiet", "--no-deps", "--requirement", str(self.requirements)]
            subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(place, ignore_errors=True)
            said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
            raise EnvironmentMissingError(f"the environment {self.name} cannot be made: {said}") from error
        (place / "made-from").write_text(self.version, encoding="utf-8")


def _link_torch(packages: Path) -> None:
    ours = Path(sysconfig.get_path("purelib"))
    for pattern in LINKED:
        for found in ours.glob(pattern):
            (packages / found.name).symlink_to(found)


def variables() -> Mapping[str, str]:
    """The environment variables of a process on another interpreter: it finds the benchmarks, the runtime and the
    families of encoders, which need numpy and tokenizers alone."""
    paths = [str(ROOT), str(ROOT / "runtime"), str(ROOT / "exporter"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


OPTIMUM = Environment.of("optimum-onnx")
OPTIMUM_INTEL = Environment.of("optimum-intel")
CTRANSLATE2 = Environment.of("ctranslate2")
INFINITY = Environment.of("infinity")
