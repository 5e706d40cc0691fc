"""The examples for engines of others: each answers every row as `predict` does. `make test-engines` has them all."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bert_runtime.table

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/bulk"
BUNDLE = ROOT / "tests/golden/v1/text-classification"
PACKAGES = {
    "daft_udf": "daft",
    "dask_partitions": "dask.dataframe",
    "datasets_map": "datasets",
    "spark_map": "pyspark",
}
LINES = 30


@pytest.mark.parametrize("name", PACKAGES)
def test_the_example_answers_every_row(name: str, tmp_path: Path) -> None:
    package = PACKAGES[name].partition(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: make test-engines installs it")
    if package == "pyspark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is no java on the path")
    table = arrow.table({"id": range(300), "body": ["the good film " * (i % 7 + 1) for i in range(300)]})
    parquet.write_table(table, tmp_path / "in.parquet")
    line = [sys.executable, EXAMPLES / f"{name}.py", BUNDLE, tmp_path / "in.parquet", tmp_path / "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run([*map(str, line)], check=False, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = parquet.read_table(tmp_path / "out").sort_by("id").to_pylist()
    expected = bert_runtime.table.predict(table, BUNDLE, text="body").to_pylist()
    assert [row["id"] for row in found] == [row["id"] for row in expected]
    answers = [row.get("answer") or row for row in found]
    assert [answer["label"] for answer in answers] == [row["label"] for row in expected]
    assert [answer["score"] for answer in answers] == pytest.approx([row["score"] for row in expected], abs=1e-5)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_example_is_short_and_needs_no_torch(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= LINES
    assert "torch" not in text
    assert "transformers" not in text
