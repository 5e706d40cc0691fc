from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.chain import float_chain, integer_chain
from benchmarks.latency import FAMILIES, RACED, TASKS, chosen, heats, subject, usual_threads
from benchmarks.memory import Program, first_answer
from benchmarks.peers import BASELINE, PEERS
from benchmarks.peers.text import TEXT_PEERS, entered
from benchmarks.race import Plan, Process, built, in_turns
from benchmarks.roofline import operations
from benchmarks.text_worker import handler
from benchmarks.texts import Kind
from benchmarks.workload import SIZES, Model
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine


def test_every_round_has_a_turn_of_everyone() -> None:
    count = itertools.count()
    turn = lambda: [float(next(count))]  # noqa: E731
    rounds = in_turns({"one": turn, "other": turn}, Plan(rounds=4))
    assert [sorted(one + other) for one, other in zip(rounds["one"], rounds["other"], strict=True)] == [
        [0.0, 1.0],
        [2.0, 3.0],
        [4.0, 5.0],
        [6.0, 7.0],
    ]


def test_a_race_whose_time_is_up_has_three_rounds_all_the_same() -> None:
    rounds = in_turns({"one": lambda: [1.0]}, Plan(rounds=50, limit=0.0))
    assert len(rounds["one"]) == 3


def test_a_process_that_ends_is_named() -> None:
    with pytest.raises(RuntimeError, match="broken: the process ended with 3"):
        Process("broken", [sys.executable, "-c", "raise SystemExit(3)"])


def test_an_artefact_of_other_sources_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Model("text-classification", "tiny")
    for peer, version in ((BASELINE, PEERS[BASELINE].version), ("bert-export", "other")):
        (tmp_path / model.name / peer).mkdir(parents=True)
        (tmp_path / model.name / peer / "built-by").write_text(version, encoding="utf-8")
    assert built((BASELINE, "bert-export", "torch-eager"), model, tmp_path) == (BASELINE, "bert-export")
    assert capsys.readouterr().err.splitlines() == [
        "text-classification-tiny: not built, skipped: torch-eager",
        "text-classification-tiny: outdated, raced as they are: bert-export",
    ]


def test_each_precision_of_a_head_and_size_has_a_baseline_of_its_own() -> None:
    assert len(heats()) == 2 * len(TASKS) * len(RACED) + len(FAMILIES)
    for heat in heats():
        assert heat.baseline in heat.peers
        assert set(heat.peers) <= set(RACED[heat.precision])


def test_fill_mask_is_compared_with_full_logits_of_the_same_engine() -> None:
    (heat,) = (h for h in heats() if h.model.name == "fill-mask-bert-base" and h.precision == "fp32")
    assert heat.baseline == "bert-export-plain"


def test_results_of_other_precisions_and_threads_replace_no_others() -> None:
    kinds = [(heat, threads) for heat in heats() for threads in (usual_threads(), usual_threads() + 1)]
    assert len({subject(heat, threads) for heat, threads in kinds}) == len(kinds)


def test_peers_are_chosen_with_the_baseline_beside_them() -> None:
    parsed = argparse.Namespace(
        models=["text-classification-minilm-l6"], precisions=["fp32"], cases=["b32 s64"], peers=["torch-eager"]
    )
    (heat,) = chosen(parsed)
    assert heat.peers == (BASELINE, "torch-eager")
    assert [case.name for case in heat.cases] == ["b32 s64"]


def test_every_peer_is_in_one_race() -> None:
    assert sorted(itertools.chain.from_iterable(RACED.values())) == sorted(PEERS)


def test_questions_are_answered_by_the_last_pipeline_there_was() -> None:
    for task, one, other in (
        ("question-answering", "transformers-4-pipeline", "transformers-pipeline"),
        ("text-classification", "transformers-pipeline", "transformers-4-pipeline"),
    ):
        assert one in entered(task)
        assert other not in entered(task)
        assert len(entered(task)) == len(TEXT_PEERS) - 1


def test_requests_one_by_one_have_a_time_each_and_in_bulk_one_together(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in "abc"), encoding="utf-8")
    asked: list[int] = []

    def answer(records: object) -> list[str]:
        assert isinstance(records, list)
        asked.append(len(records))
        return [record["text"].upper() for record in records]

    single = handler(answer, in_bulk=False)({"requests": str(path), "answers": True})
    together = handler(answer, in_bulk=True)({"requests": str(path), "answers": True})
    assert asked == [1, 1, 1, 3]
    assert (len(single["milliseconds"]), len(together["milliseconds"])) == (3, 1)
    assert single["answers"] == together["answers"] == ["A", "B", "C"]


def test_a_sample_of_texts_is_the_same_every_time() -> None:
    kind = Kind("some-head", lambda: [{"text": str(i)} for i in range(100)])
    assert kind.sample(10) == kind.sample(10)
    assert kind.sample(10) != kind.all()[:10]


def test_a_process_tells_its_own_peak_of_memory() -> None:
    small = first_answer(Program("small", "bert-export", "answer = 1\n", ()))
    large = first_answer(Program("large", "bert-export", "answer = len(b'1' * 2**26)\n", ()))
    assert small["seconds"] > 0
    assert 60 < large["peak_mib"] - small["peak_mib"] < 70  # 2**26 bytes, whatever this process takes


def test_a_process_without_an_answer_is_named() -> None:
    with pytest.raises(RuntimeError, match="silent: the process ended with 2"):
        first_answer(Program("silent", "bert-export", "raise SystemExit(2)\n", ()))


def test_operations_are_those_that_torch_counts_in_an_encoder() -> None:
    size = SIZES["tiny"]
    config = BertConfig(
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate,
        vocab_size=50,
    )
    config._attn_implementation = "eager"  # the counter knows no fused attention of a CPU
    model: Any = BertModel(config, add_pooling_layer=False)
    model.eval()
    ids = torch.ones(3, 20, dtype=torch.int64)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(ids)
    assert operations(size, [20] * 3) == counter.get_total_flops()


def test_the_chain_in_integers_computes_what_the_chain_in_floats_does(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    weights = [(random.standard_normal((768, 768)) / np.sqrt(768)).astype(np.float32) for _ in range(3)]
    feeds = {"x": random.standard_normal((1024, 768)).astype(np.float32)}
    outputs = []
    for name, chain in (("float", float_chain), ("integer", integer_chain)):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(chain(weights).SerializeToString())
        outputs.append(OnnxRuntimeEngine(path, 1).run(feeds, ["y2"])["y2"])
    assert np.corrcoef(outputs[0].ravel(), outputs[1].ravel())[0, 1] > 0.99
