"""Requests that a machine makes from the OpenAPI document, right and wrong, are answered as the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.serving.conftest import GOLDEN, TASKS, Start

SECONDS = 30

UNSAID = "positive_data_acceptance"
"""A schema cannot say all that a request needs: that a text holds a mask, or that an index is within a text."""


def test_schemathesis_finds_nothing(start: Start, cross_encoder: Path, tmp_path: Path) -> None:
    server = start(*(str(GOLDEN / task) for task in TASKS), str(cross_encoder))
    options = ["--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--max-time", str(SECONDS)]
    checks = ["--checks", "all", "--exclude-checks", UNSAID, "--continue-on-failure", "--no-shrink", "--seed", "1"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", *options, *checks]
    ran = subprocess.run(
        [*command, "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 5, check=False
    )
    assert ran.returncode == 0, ran.stdout[-12000:] + ran.stderr[-2000:]
    assert "Tested: 0" not in ran.stdout
