"""The C++ library as others meet it: what it exports, and programs that are built against the installed package."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "v1"
HEADERS = ROOT / "runtime" / "cpp" / "include" / "bert_runtime"
SNIPPET = ROOT / "runtime" / "cpp" / "example" / "embed.cpp"


def test_public_headers_name_no_onnxruntime_and_no_nlohmann() -> None:
    headers = list(HEADERS.rglob("*.h"))
    assert len(headers) > 15
    for header in headers:
        included = [line for line in header.read_text().splitlines() if line.startswith("#include")]
        assert not [line for line in included if "onnxruntime" in line.lower() or "nlohmann" in line], header
        assert "nlohmann::" not in header.read_text()
        assert "OrtApi" not in header.read_text()


def test_the_library_exports_nothing_of_what_it_is_made_of(program: Callable[[str], Path]) -> None:
    library = program("libbert_runtime.so")
    shown = subprocess.run(["nm", "-DC", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    names = [line.split(maxsplit=2)[2] for line in shown.splitlines()]
    assert "bert_runtime_load" in names
    assert [name for name in names if "nlohmann" in name or "Ort" in name or "onnxruntime" in name.lower()] == []
    assert [name for name in names if "bert_runtime" not in name] == []


def test_the_readmes_snippet_is_the_program_that_is_built() -> None:
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```cpp\n")[1:]
    for block in blocks:
        assert block.split("```")[0] == SNIPPET.read_text(encoding="utf-8")


def test_a_program_against_the_installed_package_answers(program: Callable[[str], Path]) -> None:
    done = subprocess.run([program("embed"), GOLDEN / "question-answering"], capture_output=True, text=True, check=True)
    text, score = done.stdout.rsplit(maxsplit=1)
    assert text
    assert 0 < float(score) < 1

    wrong = subprocess.run([program("embed"), GOLDEN], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "name the directory that bert-export wrote" in wrong.stderr


def test_the_service_answers_in_order_and_goes_on_after_a_mistake(program: Callable[[str], Path]) -> None:
    requests = [json.dumps({"text": f"film number {i}"}) for i in range(40)]
    requests[7] = "{"
    lines = "\n".join(requests)
    bundle = GOLDEN / "text-classification"
    served = subprocess.run([program("service"), bundle, "4"], input=lines, capture_output=True, text=True, check=True)
    answers = served.stdout.splitlines()
    assert len(answers) == len(requests)
    assert answers[7].startswith("error: not JSON: ")
    for i in (0, 6, 8, 39):
        alone = subprocess.run(
            [program("bert_run"), bundle, "--threads", "1", "--text", f"film number {i}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answers[i] == alone.stdout.strip()
