"""An int8 bundle is made from a checkpoint or from an fp32 bundle, holds its budget, and says what it cost."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.conftest import TinyBundle, TinyCheckpoint
from tests.exporter.exports import contents

import bert_runtime
from bert_calibration import measure
from bert_calibration.accuracy import Drop
from bert_calibration.config import RANGE_METHODS
from bert_calibration.ranges import METHODS as RANGES
from bert_export import artefact_builder as builder_module
from bert_export import int8 as int8_module
from bert_export.cli import main
from bert_export.errors import GateError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ExportReport
from bert_export.report_table import show
from bert_export.requantize import requantize
from bert_export.saving import divide
from bert_runtime.cli import main as run

NOUNS = ("movie", "book") * 40
TEXTS = [f"the {noun} was {'a good' if i % 2 else 'a bad'} {noun}, {i}" for i, noun in enumerate(NOUNS)]
TASK = "text-classification"
ENOUGH = 0.2
"""A drop that the half of TEXTS can tell."""


@pytest.fixture(autouse=True)
def twice_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a network of width 32 is says nothing, and changes from run to run."""
    monkeypatch.setattr(measure, "speed_up", lambda *_: 2.0)


@pytest.fixture(scope="session")
def fp32(tiny_bundle: TinyBundle) -> Path:
    return tiny_bundle(TASK, False).bundle


@pytest.fixture(scope="session")
def labelled(fp32: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts with the labels that fp32 gives them: its accuracy is 1."""
    with bert_runtime.load(fp32, options=bert_runtime.Options("cpu")) as session:
        answers = list(session.predict({"text": text} for text in TEXTS))
    records = [{"text": t, "label": a.labels[0].label} for t, a in zip(TEXTS, answers, strict=True)]
    path = tmp_path_factory.mktemp("samples") / "labelled.jsonl"
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    return path


@pytest.fixture
def made(fp32: Path, tmp_path: Path) -> Callable[..., ExportReport]:
    def make(name: str = "int8", **values: Any) -> ExportReport:
        given = {"max_drop": ENOUGH, **values} if "calibrate" in values else values
        return requantize(ExportOptions(bundle=fp32, int8=True, output=tmp_path / name, **given), Stages())

    return make


def test_each_method_of_ranges_has_its_function() -> None:
    assert set(RANGE_METHODS) == set(RANGES)


def test_calibration_and_judging_do_not_share_texts(made: Callable[..., ExportReport], labelled: Path) -> None:
    report = made(calibrate=labelled).artefacts[0].int8
    assert report is not None
    assert (report.quantization["calibrated_on"], report.judged_on) == (40, 40)
    assert report.metrics[0].metric == "accuracy"
    assert report.changes[0].value == pytest.approx(report.metrics[0].value - 1)
    assert report.agreement.value == report.metrics[0].value, "its gold is what fp32 answers"
    assert report.agreement.value >= 0.9


def test_a_bundle_answers_in_int8_and_tells_its_quality(made: Callable[..., ExportReport], labelled: Path) -> None:
    report = made(calibrate=labelled)
    with bert_runtime.load(report.bundle) as session:
        assert session.artefact.precision == "int8"
        assert session({"text": TEXTS[0]}).labels
    manifest = json.loads((report.bundle / "manifest.json").read_bytes())
    (told,) = manifest["quality"]["artefacts"]
    assert told["target"] == "cpu"
    assert told["agreement"]["samples"] == 40
    assert "speed" not in json.dumps(told), "the same export would write other bytes"
    assert (report.bundle / "ranges.cpu.json").exists()
    assert {"config.json", "tokenizer.json"} <= contents(report.bundle).keys()


def test_saved_ranges_give_the_same_bytes(made: Callable[..., ExportReport], labelled: Path) -> None:
    first = made("first", calibrate=labelled)
    again = made("again", calibrate=labelled)
    reused = made("reused", calibrate=labelled, ranges=first.bundle / "ranges.cpu.json")
    assert contents(first.bundle) == contents(again.bundle) == contents(reused.bundle)


def test_texts_that_calibrated_saved_ranges_do_not_judge(
    made: Callable[..., ExportReport], labelled: Path, tmp_path: Path
) -> None:
    saved = made("first", calibrate=labelled).bundle / "ranges.cpu.json"
    lines = labelled.read_text().splitlines(keepends=True)
    (tmp_path / "odd.jsonl").write_text("".join(lines[1::2]))
    odd = made("odd", calibrate=tmp_path / "odd.jsonl", ranges=saved).artefacts[0].int8
    assert odd is not None
    assert (odd.judged_on, odd.data["calibrating"]) == (40, 0), "none of these calibrated"
    (tmp_path / "even.jsonl").write_text("".join(lines[::2]))
    with pytest.raises(GateError, match=r"accuracy not proven: 0 independent .*, of 40 in even\.jsonl, 40 of"):
        made("even", calibrate=tmp_path / "even.jsonl", ranges=saved)


def test_ranges_that_do_not_name_their_texts_prove_nothing(
    made: Callable[..., ExportReport], labelled: Path, tmp_path: Path
) -> None:
    record = json.loads((made("first", calibrate=labelled).bundle / "ranges.cpu.json").read_text())
    assert len(record.pop("texts")) == 40
    old = tmp_path / "old.json"
    old.write_text(json.dumps(record))
    with pytest.raises(GateError, match=r"accuracy not proven: 0 .*does not name the texts.*: calibrate again, "):
        made("refused", calibrate=labelled, ranges=old)
    taken = made("taken", calibrate=labelled, ranges=old, accept_unproven=True).artefacts[0].int8
    assert taken is not None
    assert taken.accuracy["verdict"] == "accuracy not proven"
    assert "80 samples that may have calibrated the ranges" in taken.accuracy["words"]


def test_without_data_scales_are_taken_from_each_text_and_the_report_says_so(
    made: Callable[..., ExportReport],
) -> None:
    report = made().artefacts[0].int8
    assert report is not None
    assert report.quantization["plan"] == "per-token"
    assert report.quantization["batch_invariant"]
    assert any("no calibration:" in note for note in report.quantization["notes"])
    assert report.judged_on > 5, "the task's examples"
    assert report.accuracy["verdict"] == "accuracy not proven"
    assert not report.accuracy["held_out"]


def test_the_dynamic_method_says_that_it_is_not_batch_invariant(made: Callable[..., ExportReport]) -> None:
    report = made(method="dynamic").artefacts[0].int8
    assert report is not None
    assert not report.quantization["batch_invariant"]
    assert any("not batch invariant" in note for note in report.quantization["notes"])


def jsonl(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


SAME: list[dict[str, object]] = [{"text": "the movie was a good movie"}] * 3
FEW: dict[str, list[dict[str, object]]] = {
    "three equal lines": [*SAME],
    "one line": [*SAME[:1]],
    "equal but for case and spaces": [{"text": text} for text in ("a good movie", "A good  movie", " a GOOD movie ")],
    "thirty lines": [{"text": text} for text in TEXTS[:30]],
}


@pytest.mark.parametrize("records", FEW.values(), ids=FEW.keys())
def test_too_few_samples_are_no_bundle_and_the_command_says_how_many_would_do(
    records: list[dict[str, object]], fp32: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = jsonl(tmp_path / "few.jsonl", records)
    arguments = ["--bundle", str(fp32), "--int8", "--calibrate", str(data), "--output", str(tmp_path / "b"), "--quiet"]
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "accuracy not proven: " in told
    assert "for a drop of at most 0.01, 299 independent held-out samples or more can tell" in told
    assert "give 427 different samples" in told
    assert "--accept-unproven" in told
    assert "Traceback" not in told
    assert not (tmp_path / "b").exists()


@pytest.mark.filterwarnings("ignore:calibrated on:UserWarning")
@pytest.mark.parametrize("records", FEW.values(), ids=FEW.keys())
def test_what_is_accepted_unproven_says_so_in_its_report_and_its_manifest(
    records: list[dict[str, object]],
    fp32: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    made: Callable[..., ExportReport],
) -> None:
    data = jsonl(tmp_path / "few.jsonl", records)
    report = made(calibrate=data, max_drop=0.01, accept_unproven=True)
    int8 = report.artefacts[0].int8
    assert int8 is not None
    assert int8.accuracy["verdict"] == "accuracy not proven"
    assert int8.accuracy["held_out"] is (len(records) == 30), "else the task's examples are all there is"
    assert int8.agreement.low < 1
    assert int8.data["judging"] == (15 if len(records) == 30 else 0)
    assert "accuracy not proven: " in (report.bundle / "README.md").read_text(encoding="utf-8")
    show(report)
    assert "accuracy not proven: " in capsys.readouterr().out
    assert run([str(report.bundle), "--describe"]) == 0
    assert "accuracy not proven: " in capsys.readouterr().out


def test_enough_samples_prove_it_and_the_report_says_on_how_many(
    made: Callable[..., ExportReport], labelled: Path
) -> None:
    report = made(calibrate=labelled).artefacts[0].int8
    assert report is not None
    assert (report.accuracy["verdict"], report.accuracy["metric"]) == ("accuracy constraint met", "accuracy")
    assert (report.accuracy["samples"], report.accuracy["needed"]) == (40, 14)
    counts = {key: value for key, value in report.data.items() if key != "sha256"}
    assert counts == {"samples": 80, "calibrating": 40, "judging": 40, "repeated": 0}


def test_a_method_that_calibrates_nothing_is_judged_on_all_samples(
    made: Callable[..., ExportReport], labelled: Path
) -> None:
    report = made(calibrate=labelled, method="dynamic").artefacts[0].int8
    assert report is not None
    assert report.judged_on == 80


def test_golds_of_one_class_do_not_judge_but_equal_answers_do(
    made: Callable[..., ExportReport], labelled: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in labelled.read_text().splitlines()]
    label = records[0]["label"]
    data = jsonl(tmp_path / "one.jsonl", [{**record, "label": label} for record in records])
    report = made(calibrate=data).artefacts[0].int8
    assert report is not None
    assert report.accuracy["metric"] == "agreement with fp32 (same label)"
    assert any("every sample has the same gold" in note for note in report.quantization["notes"])


def test_golds_that_fp32_gets_all_wrong_leave_nothing_to_lose_and_do_not_judge(
    made: Callable[..., ExportReport], labelled: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in labelled.read_text().splitlines()]
    kinds = sorted({record["label"] for record in records})
    other = dict(zip(kinds, [*kinds[1:], kinds[0]], strict=True))
    data = jsonl(tmp_path / "wrong.jsonl", [{**record, "label": other[record["label"]]} for record in records])
    report = made(calibrate=data).artefacts[0].int8
    assert report is not None
    assert report.accuracy["metric"] == "agreement with fp32 (same label)"


def test_gold_on_some_lines_alone_is_wrong_input_with_their_numbers(
    fp32: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [json.loads(line) for line in labelled.read_text().splitlines()]
    del records[4]["label"]
    data = jsonl(tmp_path / "some.jsonl", records)
    arguments = ["--bundle", str(fp32), "--int8", "--calibrate", str(data), "--output", str(tmp_path / "b"), "--quiet"]
    assert main(arguments) == 2
    assert "no label on 1 of 80 lines (5), expected gold on all or on none" in capsys.readouterr().err


def test_a_loss_that_the_examples_show_is_refused_without_data_too(
    made: Callable[..., ExportReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Drop("agreement with fp32 (same label)", 0.9, 0.6, 1.0, 10, held_out=False)
    monkeypatch.setattr("bert_export.judged.Judged.drop", lambda *_: broken)
    with pytest.raises(GateError, match=r"accuracy constraint broken: .* on 10 of the task's own examples"):
        made()


def test_a_plan_that_is_not_faster_is_no_bundle(
    made: Callable[..., ExportReport], labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "speed_up", lambda *_: 0.5)
    with pytest.raises(GateError, match=r"tried accuracy: divergence .*, 0.50x the speed of fp32"):
        made(calibrate=labelled)
    assert not (tmp_path / "int8").exists()


def test_a_budget_that_nothing_holds_exits_with_1_and_the_tables(
    fp32: Path, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every plan answers wrongly: labels are turned round on the way."""
    monkeypatch.setattr("bert_export.judged.Judged.drop", lambda *_: Drop("accuracy", 0.5, 0.4, 0.6, 40))
    arguments = ["--bundle", str(fp32), "--int8", "--calibrate", str(labelled), "--output", str(tmp_path / "b")]
    assert main([*arguments, "--max-drop", "0.1", "--quiet"]) == 1
    told = capsys.readouterr().err
    assert "no plan keeps the drop within 0.1" in told
    assert "at best accuracy drops by 0.5000 (95% interval 0.4000 to 0.6000) on 40 independent held-out" in told
    assert told.count("divergence ") >= 4, "all int8, then with more and more parts kept"
    assert "divergence of the outputs with one part alone in int8, the worst of" in told
    assert "encoder.layer.0" in told
    assert not (tmp_path / "b").exists()


def test_a_checkpoint_becomes_int8_for_two_targets_in_one_bundle(
    tiny_checkpoint: TinyCheckpoint, labelled: Path, tmp_path: Path
) -> None:
    model = str(tiny_checkpoint(TASK, {}))
    targets = ("cpu:int8", "openvino:int8")
    report = export(
        ExportOptions(model=model, output=tmp_path / "b", targets=targets, calibrate=labelled, max_drop=0.2)
    )
    assert [artefact.int8 is not None for artefact in report.artefacts] == [True, True]
    assert all(artefact.checks for artefact in report.artefacts), "the fp32 graphs were compared with torch"
    for target in ("cpu", "openvino"):
        with bert_runtime.load(report.bundle, options=bert_runtime.Options(target)) as session:
            assert (session.artefact.target, session.artefact.precision) == (target, "int8")
            assert session({"text": TEXTS[0]}).labels
    assert not [name for name in contents(report.bundle) if "fp32" in name]


def test_weights_beside_the_graph_stay_beside_it_and_answer_the_same(
    fp32: Path, tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requantize(ExportOptions(bundle=fp32, output=tmp_path / "one", int8=True), Stages())
    monkeypatch.setattr(builder_module, "LARGEST_FILE", 1000)
    monkeypatch.setattr(int8_module, "divide", functools.partial(divide, largest=1000))
    export(ExportOptions(model=str(tiny_checkpoint(TASK, {})), output=tmp_path / "base"))
    requantize(ExportOptions(bundle=tmp_path / "base", output=tmp_path / "two", int8=True), Stages())
    assert "model.onnx.data" in contents(tmp_path / "base")
    assert "model.onnx.data" in contents(tmp_path / "two")
    assert "model.onnx.data" not in contents(tmp_path / "one")
    with bert_runtime.load(tmp_path / "one") as whole, bert_runtime.load(tmp_path / "two") as divided:
        assert divided.artefact.data == ("model.onnx.data",)
        for text in TEXTS:
            assert divided({"text": text}) == whole({"text": text})


def test_a_bundle_is_quantised_without_torch(fp32: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft'): sys.modules[name] = None\n"
        "from bert_export.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["--bundle", str(fp32), "--int8", "--output", str(tmp_path / "b"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with bert_runtime.load(tmp_path / "b") as session:
        assert session({"text": TEXTS[0]}).labels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bundle", "FP32"], "--bundle is quantised: give --int8"),
        (["--bundle", "FP32", "--int8", "--model", "m"], "--bundle with --model, expected --bundle alone"),
        (["--bundle", "FP32", "--int8", "--task", "qa"], "--bundle with --task, expected --bundle alone"),
        (["--bundle", "FP32", "--int8", "--target", "openvino"], "expected openvino; export it again with --target"),
        (["--bundle", "./nowhere", "--int8"], "nowhere: does not exist, expected the directory of a bundle"),
        (["--bundle", "FP32", "--int8", "--calibrate", "EMPTY"], "is empty, expected one JSON object"),
        (["--bundle", "FP32", "--int8", "--calibrate", "WRONG"], "line 2"),
        (["--bundle", "FP32", "--int8", "--ranges", "WRONG"], "WRONG.jsonl: is no JSON"),
        (["--task", "qa", "--int8", "--method", "smooth"], "--method smooth takes ranges from data; give --calibrate"),
        (["--task", "qa", "--int8", "--method", "magic"], "--method is 'magic', expected one of auto, dynamic"),
        (["--task", "qa", "--int8", "--preset", "best"], "--preset is 'best', expected performance or accuracy"),
        (["--task", "qa", "--int8", "--max-drop", "-1"], "--max-drop is -1, expected 0 to 1"),
        (["--task", "qa", "--int8", "--max-drop", "nan"], "max_drop is nan (float), expected a finite number"),
        (["--task", "qa", "--int8", "--limit", "0"], "--limit is 0, expected at least 1 sample"),
        (["--task", "qa", "--calibrate", "x.jsonl"], "are for int8; give --int8"),
        (["--task", "qa", "--int8", "--fp16"], "--fp16 and --int8, expected one of them"),
        (["--task", "qa", "--int8", "--target", "cuda"], "ONNX Runtime's integers are slower than half precision"),
    ],
)
def test_wrong_input_exits_with_2_and_one_message(
    arguments: list[str], message: str, fp32: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "EMPTY.jsonl").write_text("")
    (tmp_path / "WRONG.jsonl").write_text('{"text": "a"}\n{"txt": "b"}\n')
    places = {"FP32": fp32, "EMPTY": tmp_path / "EMPTY.jsonl", "WRONG": tmp_path / "WRONG.jsonl"}
    given = [str(places.get(argument, argument)) for argument in arguments]
    assert main([*given, "--output", str(tmp_path / "b"), "--quiet"]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "b").exists()


def test_a_decoder_is_refused(tiny_bundle: TinyBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny_bundle("text-generation", False).bundle
    assert main(["--bundle", str(bundle), "--int8", "--output", str(tmp_path / "b")]) == 2
    assert "text-generation has no int8" in capsys.readouterr().err
