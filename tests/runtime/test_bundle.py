"""Golden bundles of every version of the format still read, and still answer."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.same import assert_same

from bert_runtime import Options, bundle, load
from bert_runtime.manifest import VERSION
from bert_runtime.targets import BY_NAME
from bert_runtime.tasks import TASKS
from bert_runtime.text import TextEncoder

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = sorted(path for path in FOLDER.glob("v*/*") if path.is_dir())
# A file for a GPU alone is run by the CPU, which tells so.
ARTEFACTS = [
    (path, "auto" if BY_NAME[target].is_on_gpu else target)
    for path in GOLDEN
    for target in bundle.read(path).manifest.by_target
]
runs_elsewhere = pytest.mark.filterwarnings("ignore:the bundle holds only cuda")
VARIETIES = {
    "text-generation-from-source": "text-generation",
    "token-classification-by-mask": "token-classification",
    "text-classification-sequence-packing": "text-classification",
    "text-classification-tokenizer-settings": "text-classification",
    "text-classification-without-types": "text-classification",
    "fill-mask-named-tokens": "fill-mask",
}
BROUGHT = {"text-classification-without-types", "fill-mask-named-tokens"}
"""The bundles of what the newest version brought."""
IDS = [f"{path.parent.name}-{path.name}" for path in GOLDEN]


def test_the_golden_bundles_are_of_every_task() -> None:
    names = {path.name for path in FOLDER.glob("v1/*") if path.is_dir()}
    assert names == {task.name for task in TASKS} | {name for name in VARIETIES if name not in BROUGHT}


def test_what_a_version_brought_has_golden_bundles() -> None:
    assert {path.name for path in FOLDER.glob(f"v{VERSION}/*") if path.is_dir()} == BROUGHT


def test_every_version_has_a_golden_bundle() -> None:
    assert {path.parent.name for path in GOLDEN} == {f"v{version}" for version in range(1, VERSION + 1)}


@pytest.mark.parametrize("path", GOLDEN, ids=IDS)
def test_a_golden_bundle_reads(path: Path) -> None:
    found = bundle.read(path)

    assert found.directory == path.resolve()
    assert found.manifest.task == VARIETIES.get(path.name, path.name)
    assert f"v{found.manifest.version}" == path.parent.name


@pytest.mark.parametrize("path", GOLDEN, ids=IDS)
def test_a_golden_bundle_is_small(path: Path) -> None:
    assert sum(file.stat().st_size for file in path.iterdir()) < 150_000


@runs_elsewhere
@pytest.mark.parametrize(("path", "target"), ARTEFACTS, ids=lambda value: getattr(value, "name", value))
def test_a_golden_bundle_gives_the_logits_of_torch(path: Path, target: str) -> None:
    with load(path, options=Options(target)) as session:
        dtypes = {spec.name: spec.dtype for spec in session.artefact.inputs}
        for case in cases(path):
            for row in case["rows"]:
                feeds = {name: np.array([values], dtype=dtypes[name]) for name, values in row["inputs"].items()}
                outputs = session.run(feeds)
                assert outputs.keys() == row["outputs"].keys()
                for name, expected in row["outputs"].items():
                    assert_same(outputs[name][0].tolist(), expected)


@runs_elsewhere
@pytest.mark.parametrize(("path", "target"), ARTEFACTS, ids=lambda value: getattr(value, "name", value))
def test_a_golden_bundle_gives_the_answers_of_torch(path: Path, target: str) -> None:
    with load(path, options=Options(target)) as session:
        requests = [case["request"] for case in cases(path)]
        for case, answer in zip(cases(path), session.predict(requests), strict=True):
            assert_same(dataclasses.asdict(answer), case["answer"])


def cases(path: Path) -> list[dict[str, Any]]:
    """Requests, what the model reads of them, what torch gives for that, and the answers decoded from it."""
    found: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_bytes())
    return found


def test_the_golden_tokenizer_agrees_with_the_manifest() -> None:
    for path in GOLDEN:
        record = bundle.read(path).manifest.tokenizer
        text = TextEncoder.from_file(path / record.file, record)

        named = {"pad": "[PAD]", "mask": "[MASK]"} | dict(record.special_tokens)
        assert (text.pad_id, text.mask_id) == (text.token_id(named["pad"]), text.token_id(named["mask"]))
