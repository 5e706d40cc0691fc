"""A bundle in a hub cache, where every file is a link to a blob, answers as a plain one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.snapshots import as_snapshot

import bert_runtime

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
HEADS = ["text-classification", "text-classification-sequence-packing", "token-classification-by-mask"]
"""Without a file of weights, with one on OpenVINO, and with one that two graphs share."""


@pytest.mark.parametrize("folder", [".", "onnx"])
@pytest.mark.parametrize(
    "head", ["text-classification", "text-classification-sequence-packing", "token-classification-by-mask"]
)
def test_a_snapshot_in_a_hub_cache_answers(head: str, folder: str, tmp_path: Path) -> None:
    revision = tmp_path / "hub" / "models--org--name" / "snapshots" / "0123abcd"
    directory = as_snapshot(GOLDEN / head, revision / folder)
    with bert_runtime.load(GOLDEN / head) as plain, bert_runtime.load(directory) as linked:
        assert linked({"text": "good"}) == plain({"text": "good"})


def test_a_snapshot_keeps_what_openvino_compiled_of_it(tmp_path: Path) -> None:
    directory = as_snapshot(GOLDEN / HEADS[1], tmp_path / "models--org--name" / "snapshots" / "0123abcd")
    options, sizes = bert_runtime.Options(cache=tmp_path / "cache"), []
    for _ in range(2):
        with bert_runtime.load(directory, options=options) as session:
            assert session.active_target == "openvino"
        sizes.append(sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*.blob")))

    assert sizes[0] == sizes[1] > 0
