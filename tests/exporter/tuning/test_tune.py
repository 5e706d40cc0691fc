"""A trial makes what runs here, tells all that it tried, and writes a bundle of the winner alone."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.conftest import READS_ENCODER, TinyBundle, TinyCheckpoint

import bert_runtime
from bert_calibration.accuracy import Drop
from bert_export import cli
from bert_export import trace as tracing
from bert_export.errors import CheckpointError, GateError, OptionError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.report import ExportReport
from bert_export.tuning import tune as tune_module
from bert_export.tuning.candidate import CandidatePlan, plans_for
from bert_export.tuning.from_bundle import FromBundle
from bert_export.tuning.report import Tuning
from bert_export.verify.reference import Reference
from bert_runtime import bundle as bundles
from bert_runtime.errors import InputError
from bert_runtime.machine.system import Probe, System, this_system
from bert_runtime.tasks import TASKS

TASK = "text-classification"
LOST = Drop("accuracy", 0.5, 0.4, 0.6, 40)
READER = Path(__file__).parents[2] / "golden" / "v1" / "text-generation-from-source"


def tuned(report: ExportReport) -> Tuning:
    assert report.tuning is not None
    return report.tuning


def field_here(has_data: bool) -> set[str]:
    return {plan.name for plan in plans_for(this_system(Probe()), has_data, False).plans}


@dataclasses.dataclass
class Counted:
    """How often the checkpoint was traced, and every question that torch was asked."""

    traces: int = 0
    asked: list[str] = dataclasses.field(default_factory=list)


@pytest.fixture(scope="module")
def counted() -> Iterator[Counted]:
    """Counts while the real ones run."""
    count = Counted()
    trace, run = tracing.trace, Reference.run

    def traced(*arguments: Any) -> Any:
        count.traces += 1
        return trace(*arguments)

    def ran(self: Reference, feeds: Any) -> Any:
        count.asked.append(repr({name: array.tolist() for name, array in feeds.items()}))
        return run(self, feeds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bert_export.pipeline.trace", traced)
        patch.setattr(Reference, "run", ran)
        yield count


@pytest.fixture(scope="module")
def best(
    counted: Counted, tiny_checkpoint: TinyCheckpoint, labelled: Path, tmp_path_factory: pytest.TempPathFactory
) -> ExportReport:
    """The whole of it once, with data."""
    output = tmp_path_factory.mktemp("best") / "bundle"
    model = str(tiny_checkpoint(TASK, {}))
    return export(ExportOptions(model=model, optimize="latency", calibrate=labelled, max_drop=0.2, output=output))


def test_every_candidate_of_this_machine_is_tried(best: ExportReport) -> None:
    lines = tuned(best).lines
    assert {line.name for line in lines} >= field_here(has_data=True)
    assert lines[0].name == "cpu fp32"
    assert (lines[0].ratio, lines[0].low, lines[0].high) == (1.0, 1.0, 1.0)
    for line in lines:
        if line.said in ("winner", "final", "timed"):
            assert line.milliseconds is not None
            assert line.milliseconds > 0
            assert line.low is not None
            assert line.ratio is not None
            assert line.high is not None
            assert line.low <= line.ratio <= line.high
        else:
            assert line.reason
    assert [line.said for line in lines].count("winner") == 1


def test_reduced_precisions_are_judged_on_the_data(best: ExportReport) -> None:
    drops = {line.name: line.drop for line in tuned(best).lines if line.said in ("winner", "final", "timed")}
    for name, drop in drops.items():
        assert (drop is None) == name.endswith("fp32"), name
        assert drop is None or drop <= 0.2
    judged = {line.judged_on for line in tuned(best).lines if line.drop is not None}
    assert judged == {40}, "the half that does not calibrate"


def test_too_few_samples_to_tell_are_the_reason_that_int8_cannot_win(
    tiny_bundle: TinyBundle, labelled: Path, tmp_path: Path
) -> None:
    bundle = tiny_bundle(TASK, False).bundle
    options = ExportOptions(bundle=bundle, optimize="latency", calibrate=labelled, output=tmp_path / "bundle")
    lines = {line.name: line for line in tuned(export(options)).lines}
    assert lines["cpu int8 performance"].said == "failed"
    assert lines["cpu int8 performance"].reason.startswith(
        "accuracy not proven: 40 independent held-out samples, of 80"
    )


def test_the_bundle_holds_the_winner_alone_and_answers(best: ExportReport) -> None:
    winner = tuned(best).winner
    with bert_runtime.load(best.bundle, options=bert_runtime.Options(threads=winner["threads"])) as session:
        (artefact,) = bundles.read(best.bundle).manifest.artefacts
        assert (artefact.target, artefact.precision) == (winner["target"], winner["precision"])
        assert session.active_target == winner["target"]
        assert session({"text": "a good movie"}).labels
    graphs = {path.name for path in best.bundle.iterdir() if path.suffix == ".onnx"}
    assert graphs == {artefact.file}


def test_the_bundle_keeps_the_table_and_the_machine_that_it_is_of(best: ExportReport) -> None:
    manifest = json.loads((best.bundle / "manifest.json").read_bytes())
    report = manifest["verification"]["tuning"]
    assert report == json.loads(json.dumps(tuned(best).to_json()))
    machine = this_system(Probe())
    assert report["machine"]["cpu"] == machine.cpu.model
    assert report["machine"]["instruction_sets"] == list(machine.cpu.features)
    assert report["machine"]["packages"]["onnxruntime"]
    assert report["requests"]["from"] == "labelled.jsonl"
    assert report["requests"]["number"] == 80


def test_the_checkpoint_is_traced_once_and_torch_is_asked_nothing_twice(best: ExportReport, counted: Counted) -> None:
    compared = [line for line in tuned(best).lines if line.name in ("cpu fp32", "openvino fp32", "openvino bf16")]
    assert len(compared) > 1
    assert counted.traces == 1
    assert len(counted.asked) == len(set(counted.asked)) > 20


def test_without_data_int8_is_timed_and_never_chosen(tiny_bundle: TinyBundle, tmp_path: Path) -> None:
    source = tiny_bundle(TASK, False).bundle
    report = export(ExportOptions(bundle=source, optimize="latency", output=tmp_path / "bundle"))
    lines = {line.name: line for line in tuned(report).lines}
    assert lines["cpu int8 per-token"].said == "timed"
    assert "give --calibrate FILE to have it judged" in lines["cpu int8 per-token"].reason
    assert lines["cpu int8 performance"].reason == "needs calibration data; give --calibrate FILE"
    assert (lines["openvino fp32"].said, lines["openvino fp32"].ratio) == ("absent", None)
    assert "the bundle holds no artefact for openvino in fp32; give the checkpoint" in lines["openvino fp32"].reason
    assert tuned(report).winner["precision"] == "fp32"
    assert tuned(report).requests["from"] == "the examples of text-classification"


def test_what_loses_more_than_the_budget_is_a_line_and_not_the_end(
    tiny_bundle: TinyBundle, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.judged.Judged.drop", lambda *_: LOST)
    source = tiny_bundle(TASK, False).bundle
    options = ExportOptions(
        bundle=source, optimize="latency", calibrate=labelled, max_drop=0.1, output=tmp_path / "bundle"
    )
    lines = {line.name: line for line in tuned(export(options)).lines}
    for plan in ("performance", "accuracy"):
        line = lines[f"cpu int8 {plan}"]
        assert (line.said, line.threads) == ("failed", None)
        assert line.reason == "the drop is 0.5000, expected 0.1 at most; allow more with --max-drop"
    assert lines["cpu fp32"].said == "winner"


@pytest.mark.slow
def test_bf16_that_loses_more_than_the_budget_is_out(
    tiny_checkpoint: TinyCheckpoint, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = this_system(Probe())
    if not ("openvino" in here.modules and here.cpu.has_bf16):
        pytest.skip("needs openvino and a CPU with bf16")
    monkeypatch.setattr("bert_export.judged.Judged.drop", lambda *_: LOST)
    options = ExportOptions(
        model=str(tiny_checkpoint(TASK, {})),
        optimize="latency",
        calibrate=labelled,
        max_drop=0.1,
        output=tmp_path / "bundle",
    )
    lines = {line.name: line for line in tuned(export(options)).lines}
    assert lines["openvino bf16"].reason.startswith("the drop is 0.5000, expected 0.1 at most")


def test_if_nothing_passes_no_bundle_is_written_and_all_reasons_are_told(
    tiny_bundle: TinyBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: FromBundle, plan: CandidatePlan) -> Any:
        raise GateError(f"{plan.name} differs")

    monkeypatch.setattr(FromBundle, "make", refused)
    options = ExportOptions(bundle=tiny_bundle(TASK, False).bundle, optimize="latency", output=tmp_path / "bundle")
    report = r"no plan passes its gates.*cpu fp32 differs.*cpu int8 per-token: it is made of"
    with pytest.raises(GateError, match=report):
        export(options)
    assert not (tmp_path / "bundle").exists()


def test_wrong_samples_end_it_before_anything_is_made(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.pipeline.trace", lambda *_: pytest.fail("it was traced"))
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"text": "the movie"}\n{"txt": "the movie"}\n')
    options = ExportOptions(model=str(tiny_checkpoint(TASK, {})), optimize="latency", calibrate=wrong)
    with pytest.raises(InputError, match="line 2"):
        export(options)


def test_a_taken_output_is_refused_before_anything_is_loaded(tiny_bundle: TinyBundle, tmp_path: Path) -> None:
    taken = tiny_bundle(TASK, False).bundle
    with pytest.raises(OptionError, match="replace it with --force"):
        export(ExportOptions(model=str(tmp_path / "no checkpoint"), optimize="latency", output=taken))
    with pytest.raises(CheckpointError):
        export(ExportOptions(model=str(tmp_path / "no checkpoint"), optimize="latency"))


def test_a_bundle_without_fp32_for_a_cpu_is_refused(tiny_bundle: TinyBundle, tmp_path: Path) -> None:
    source = tiny_bundle(TASK, False).bundle
    only_cuda = tmp_path / "cuda"
    only_cuda.mkdir()
    manifest = json.loads((source / "manifest.json").read_bytes())
    manifest["artefacts"] = [each for each in manifest["artefacts"] if each["target"] == "cuda"]
    for path in source.iterdir():
        (only_cuda / path.name).write_bytes(path.read_bytes())
    (only_cuda / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(OptionError, match="holds cuda fp16, expected fp32 for cpu or openvino"):
        export(ExportOptions(bundle=only_cuda, optimize="latency", output=tmp_path / "bundle"))


def test_a_decoder_is_refused_in_bulk_and_where_it_reads_an_encoder(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    decoder = str(tiny_checkpoint("text-generation", {}))
    with pytest.raises(OptionError, match="throughput, expected latency for text-generation"):
        export(ExportOptions(model=decoder, optimize="throughput", output=tmp_path / "bundle"))
    reader = str(tiny_checkpoint("text-generation", READS_ENCODER))
    with pytest.raises(OptionError, match="this decoder reads an encoder"):
        export(ExportOptions(model=reader, optimize="latency", output=tmp_path / "bundle"))
    with pytest.raises(OptionError, match="reads an encoder"):
        export(ExportOptions(bundle=READER, optimize="latency", output=tmp_path / "bundle"))


PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "peft", "safetensors"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
from bert_export.tuning import trials
trials.TRIAL = trials.FINAL = 0.0
from bert_export.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_bundle_needs_no_torch_and_json_is_all_there_is_on_standard_output(
    tiny_bundle: TinyBundle, tmp_path: Path
) -> None:
    source = tiny_bundle(TASK, False).bundle
    flags = ["--bundle", str(source), "--optimize-for-this-machine", "-o", str(tmp_path / "best"), "--json"]
    command = [sys.executable, "-c", PROGRAM, *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["tuning"]["winner"]["precision"] == "fp32"
    assert report["tuning"]["mode"] == "latency"
    manifest = json.loads((tmp_path / "best" / "manifest.json").read_bytes())
    assert manifest["verification"]["tuning"] == report["tuning"]
    assert manifest["provenance"] == json.loads((source / "manifest.json").read_bytes())["provenance"]


def test_the_command_shows_the_table_and_how_to_load_the_winner(
    tiny_bundle: TinyBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tiny_bundle(TASK, False).bundle, tmp_path / "best"
    arguments = ["--bundle", str(source), "--optimize-for-this-machine", "throughput", "-o", str(output)]
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "requests answered in bulk: milliseconds of one" in shown
    assert f"load it as it was timed: bert-run {output} --mode throughput\n" in shown
    assert f'bert_runtime.load("{output}", options=Options(mode="throughput"))' in shown


def test_a_machine_without_openvino_says_so(
    tiny_bundle: TinyBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(_: Probe) -> System:
        return dataclasses.replace(this_system(Probe()), modules=frozenset({"onnxruntime"}))

    monkeypatch.setattr(tune_module, "this_system", bare)
    options = ExportOptions(bundle=tiny_bundle(TASK, False).bundle, optimize="latency", output=tmp_path / "bundle")
    lines = {line.name: line for line in tuned(export(options)).lines}
    assert lines["openvino"].said == "absent"
    assert lines["openvino"].reason.startswith("openvino is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("task", [task.name for task in TASKS])
@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_every_head_has_a_best(task: str, mode: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    if mode == "throughput" and task == "text-generation":
        pytest.skip("it is refused")
    options = ExportOptions(model=str(tiny_checkpoint(task, {})), task=task, optimize=mode, output=tmp_path / "bundle")
    report = export(options)
    assert tuned(report).winner["precision"] in ("fp32", "bf16")
    bert_runtime.load(report.bundle).close()
