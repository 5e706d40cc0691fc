"""A Dockerfile, and its steps without an engine of containers: in a folder that stands for the image."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VENV = "/opt/bert-serve"
"""Where the image keeps the command."""


@dataclass(frozen=True)
class Instruction:
    """A line of it: `RUN`, and what is run."""

    keyword: str
    value: str

    @property
    def words(self) -> list[str]:
        """A list of JSON, or words as a shell has them."""
        start = self.value.find("[")
        is_list = start == 0 or self.value[:start].endswith("CMD ")
        return list(json.loads(self.value[start:])) if is_list else shlex.split(self.value)


Stage = Sequence[Instruction]


def stages(path: Path) -> list[Stage]:
    """The instructions, by stage; each begins with FROM."""
    found: list[list[Instruction]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        keyword, _, value = line.partition(" ")
        if keyword == "FROM":
            found.append([])
        found[-1].append(Instruction(keyword, value.strip()))
    return list(found)


def one(stage: Stage, keyword: str) -> Instruction:
    """The only one of a keyword."""
    (found,) = (each for each in stage if each.keyword == keyword)
    return found


def build(stage: Stage, context: Path, image: Path) -> None:
    """Run a stage: its paths lie in `image`, and its Python is this one."""
    place = image
    for each in stage:
        if each.keyword == "WORKDIR":
            place = image / each.value.lstrip("/")
            place.mkdir(parents=True)
        elif each.keyword == "COPY":
            *sources, target = each.words
            for source in sources:
                _copy(context / source, place / target)
        elif each.keyword == "RUN":
            _run(each.value.replace(VENV, f"{image}{VENV}"), place)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(command: str, place: Path) -> None:
    python = f"{shlex.quote(sys.executable)} "
    command = command.replace("python ", python, 1) if command.startswith("python ") else command
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(command, shell=True, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"


READ_ONLY = """
set -e
at=$1 work=$2 hidden=$3 python=$4 user=$5
shift 5
mount --bind / "$at"
if [ -n "$hidden" ]; then
  mount -t tmpfs -o mode=755 tmpfs "$at$hidden"
  mkdir -p "$at$python"
  mount --bind "$python" "$at$python"
  mount -o remount,ro,bind "$at$python"
  mount -o remount,ro "$at$hidden"
fi
for each in /dev /proc /sys "$work"; do mount --bind "$each" "$at$each"; done
mount -o remount,ro,bind "$at$work"
mount -o remount,ro,bind "$at"
exec chroot --userspec="$user:$user" "$at" "$@"
"""
"""A root that nobody can write to, and a user that is not root: what an engine makes of `--read-only` and USER. Python
may lie in a folder of root's own, which is replaced by one that holds Python alone."""


def contained(command: Sequence[str], work: Path, user: str, environment: Mapping[str, str]) -> list[str]:
    """The command as an engine of containers would run it; as it is, where this process is not root itself."""
    own = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
    if os.geteuid() != 0:
        return own
    at = work / "root"
    at.mkdir(exist_ok=True)
    python = Path(sys.base_prefix)
    closed = [each for each in reversed(python.parents) if not each.stat().st_mode & 0o001]
    hidden = str(closed[0]) if closed else ""
    return ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(at), str(work), hidden, str(python), user, *own]
