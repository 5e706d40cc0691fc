"""A pruned bundle is made of a checkpoint or of an fp32 bundle, holds its constraint, and says what is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file
from tests.exporter.conftest import TinyCheckpoint, fast_for

import bert_runtime
from bert_calibration import measure
from bert_calibration.pruning import trying
from bert_calibration.pruning.widths import MULTIPLE
from bert_export.cli import main
from bert_export.errors import GateError, OptionError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.report import ExportReport
from bert_runtime import bundle as bundles
from bert_runtime import canaries_json
from bert_runtime.cli import main as run
from bert_runtime.cli.canary_report import ask_canaries
from bert_runtime.errors import BertError
from bert_runtime.tasks import TASKS

NOUNS = ("movie", "book", "song", "wall") * 40
TEXTS = [f"the {noun} was {'a good' if i % 2 else 'a bad'} {noun}, {i}" for i, noun in enumerate(NOUNS)]
TASK = "text-classification"
ENCODERS = [task.name for task in TASKS if not task.is_autoregressive]
LOOSE = 0.9
"""A drop that a random network of two layers holds."""


@pytest.fixture(autouse=True)
def as_fast_as_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a network of width 32 is says nothing, and changes from run to run: its size stands for its time."""
    monkeypatch.setattr(measure, "speed_up", lambda *_: 2.0)

    def speed(timer: trying.Timer, artefact: Any) -> float:
        folder = timer.pruner.folder
        sizes = [(folder / name).stat().st_size for name in ("whole.onnx", artefact.file)]
        return sizes[0] / sizes[1]

    monkeypatch.setattr(trying.Timer, "speed", speed)


@pytest.fixture(scope="module")
def fp32(tiny_checkpoint: TinyCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "fp32"
    model = str(tiny_checkpoint(TASK, {}))
    export(ExportOptions(model=model, output=output, targets=("cpu", "openvino", "portable")))
    return output


@pytest.fixture(scope="module")
def labelled(fp32: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts with the labels that fp32 gives them: its accuracy is 1."""
    with bert_runtime.load(fp32, options=bert_runtime.Options("cpu")) as session:
        answers = list(session.predict({"text": text} for text in TEXTS))
    records = [{"text": t, "label": a.labels[0].label} for t, a in zip(TEXTS, answers, strict=True)]
    path = tmp_path_factory.mktemp("samples") / "labelled.jsonl"
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    return path


@pytest.fixture
def made(fp32: Path, labelled: Path, tmp_path: Path) -> Callable[..., ExportReport]:
    def make(**values: Any) -> ExportReport:
        given: dict[str, Any] = {"bundle": fp32, "calibrate": labelled, "max_drop": LOOSE, "output": tmp_path / "made"}
        return export(ExportOptions(prune=True, force=True, **(given | values)))

    return make


def left(bundle: Path) -> list[dict[str, int]]:
    """What the manifest says of each layer."""
    layers: list[dict[str, int]] = bundles.read(bundle).manifest.provenance["pruning"]["layers"]
    return layers


@pytest.mark.parametrize("target", ["cpu", "openvino", "portable"])
def test_a_bundle_is_pruned_and_quantised_together(made: Callable[..., ExportReport], target: str) -> None:
    report = made(targets=(target,), int8=True, preset="performance", speedup=1.05)
    with bert_runtime.load(report.bundle, options=bert_runtime.Options(target)) as session:
        assert session.artefact.precision == "int8"
        assert len(list(session.predict([{"text": text} for text in TEXTS[:4]]))) == 4
    assert any(
        layer["neurons"] < layer["of_neurons"] or layer["heads"] < layer["of_heads"] for layer in left(report.bundle)
    )
    assert all(layer["neurons"] % MULTIPLE == 0 for layer in left(report.bundle))
    int8 = report.artefacts[0].int8
    assert int8 is not None
    assert int8.changes[0].value == pytest.approx(int8.metrics[0].value - 1), "judged against the whole network in fp32"


def test_every_target_of_a_bundle_holds_the_same_network(made: Callable[..., ExportReport]) -> None:
    report = made(targets=("cpu", "openvino", "portable"), speedup=1.05)
    answers = []
    for target in ("cpu", "openvino", "portable"):
        with bert_runtime.load(report.bundle, options=bert_runtime.Options(target)) as session:
            answers.append([each.labels[0].score for each in session.predict([{"text": text} for text in TEXTS[:8]])])
    assert answers[1] == pytest.approx(answers[0], abs=1e-4)
    assert answers[2] == pytest.approx(answers[0], abs=1e-4)
    quality = bundles.read(report.bundle).manifest.quality
    assert quality is not None
    assert set(quality["pruning"]["targets"]) == {"cpu", "openvino", "portable"}


def test_without_a_speed_the_fastest_within_the_constraint_is_kept(made: Callable[..., ExportReport]) -> None:
    pruning = made().pruning
    assert pruning is not None
    allowed = [point for point in pruning["points"] if point["accuracy"]["drop"] <= LOOSE]
    assert pruning["kept"]["speed"] == max(point["speed"] for point in allowed)
    assert [point["asked"] for point in pruning["points"]] == sorted(point["asked"] for point in pruning["points"])


def test_a_checkpoint_is_pruned_and_compared_with_torch_of_the_same_weights(
    tiny_checkpoint: TinyCheckpoint, labelled: Path, tmp_path: Path
) -> None:
    model = str(tiny_checkpoint(TASK, {}))
    targets = ("cpu", "openvino", "tensorrt", "cuda:fp16")
    report = export(
        ExportOptions(
            model=model, targets=targets, prune=True, speedup=1.05, calibrate=labelled, max_drop=LOOSE,
            output=tmp_path / "made",
        )
    )  # fmt: skip
    assert left(report.bundle) != []
    for artefact in report.artefacts:
        assert artefact.parity is not None
        assert artefact.parity.checks[0].same_answers == artefact.parity.checks[0].cases
    assert report.artefacts[0].fusions["BiasGelu"] == 2, "unequal layers are fused as equal ones are"
    assert report.artefacts[0].fusions["Attention"] == report.artefacts[0].fusions["MultiHeadAttention"] == 1


@pytest.mark.parametrize("task", fast_for(ENCODERS, "multiple-choice"))
def test_every_head_is_pruned_from_a_bundle(tiny_checkpoint: TinyCheckpoint, tmp_path: Path, task: str) -> None:
    whole = export(ExportOptions(model=str(tiny_checkpoint(task, {})), task=task, output=tmp_path / "whole")).bundle
    with bert_runtime.load(whole) as session:
        examples = [dict(each) for each in session.task.examples_for(session.text)]
    lines = []
    for i in range(60):
        record = dict(examples[i % len(examples)])
        name = next(name for name in ("context", "prompt", "text") if name in record)
        lines.append(json.dumps({**record, name: f"{record[name]} {i}"}))
    (tmp_path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    report = export(
        ExportOptions(
            bundle=whole, prune=True, speedup=1.05, calibrate=tmp_path / "samples.jsonl", max_drop=0.95,
            accept_unproven=True, output=tmp_path / "made",
        )
    )  # fmt: skip
    assert any(each["neurons"] < each["of_neurons"] or each["heads"] < each["of_heads"] for each in left(report.bundle))
    with bert_runtime.load(report.bundle) as session:
        assert len(list(session.predict(examples))) == len(examples)


def masked(whole: Path, folder: Path, prefix: str) -> Path:
    """A copy of a checkpoint in which nothing reads MULTIPLE neurons of the first layer and a head of the second."""
    folder.mkdir()
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights[f"{prefix}encoder.layer.0.output.dense.weight"][:, 3 : 3 + MULTIPLE] = 0
    weights[f"{prefix}encoder.layer.1.attention.output.dense.weight"][:, 8:16] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("task", fast_for(ENCODERS, "fill-mask", "feature-extraction"))
def test_unequal_layers_of_every_head_answer_as_torch_does(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, task: str
) -> None:
    prefix = "" if task == "feature-extraction" else "bert."
    folder = masked(tiny_checkpoint(task, {}), tmp_path / "masked", prefix)
    report = export(
        ExportOptions(model=str(folder), task=task, output=tmp_path / "made", targets=("cpu", "openvino", "tensorrt"))
    )
    assert [(layer["heads"], layer["neurons"]) for layer in left(report.bundle)] == [(4, 64 - MULTIPLE), (3, 64)]
    assert all(artefact.parity is not None for artefact in report.artefacts)


def test_a_checkpoint_with_rows_of_zeros_is_sliced_without_being_asked(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    folder = masked(tiny_checkpoint(TASK, {"hidden_act": "relu"}), tmp_path / "masked", "bert.")
    report = export(ExportOptions(model=str(folder), output=tmp_path / "made"))
    sizes = [(layer["heads"], layer["neurons"]) for layer in left(report.bundle)]
    assert sizes == [(4, 64 - MULTIPLE), (3, 64)], "torch of the whole shapes gave the same outputs"
    assert "48 of 64" in (report.bundle / "README.md").read_text()


def test_the_pruned_checkpoint_is_saved_with_the_whole_one_to_learn_from(
    tiny_checkpoint: TinyCheckpoint, labelled: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"prune": True, "speedup": 1.05, "calibrate": labelled, "max_drop": LOOSE}
    model, folder = str(tiny_checkpoint(TASK, {})), tmp_path / "pruned"
    report = export(ExportOptions(model=model, save_pruned=folder, output=tmp_path / "made", **given))
    again = export(ExportOptions(model=str(folder), output=tmp_path / "again"))
    assert left(again.bundle) == left(report.bundle)
    whole = export(ExportOptions(model=str(folder / "whole"), output=tmp_path / "whole"))
    assert "pruning" not in bundles.read(whole.bundle).manifest.provenance


def test_a_bundle_says_what_is_left(made: Callable[..., ExportReport], capsys: pytest.CaptureFixture[str]) -> None:
    report = made(speedup=1.05)
    assert run([str(report.bundle), "--describe", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["provenance"]["pruning"]["layers"] == left(report.bundle)
    card = (report.bundle / "README.md").read_text()
    assert "## Layers" in card
    assert "cpu, pruned" in card
    assert (report.bundle / "pruning.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("source", ["bundle", "checkpoint"])
def test_canaries_are_those_of_the_pruned_network(
    made: Callable[..., ExportReport], tiny_checkpoint: TinyCheckpoint, source: str
) -> None:
    """Torch of the whole network would only measure what pruning changed, and hide what an engine gets wrong."""
    given: dict[str, Any] = {"bundle": None, "model": str(tiny_checkpoint(TASK, {}))} if source == "checkpoint" else {}
    report = made(speedup=1.2, targets=("cpu", "openvino"), **given)
    bundle = bundles.read(report.bundle)
    bounds = canaries_json.bounds_of(bundle)
    assert [bound.target for bound in bounds] == ["cpu", "openvino"]
    assert all(bound.max_difference < 1e-3 for bound in bounds)
    for told in ask_canaries(bundle, {"cpu", "openvino"}):
        assert told.holds
        assert told.verdict.startswith("answers as the pruned network did: ")


def test_tuning_tries_pruned_networks_when_allowed(
    fp32: Path, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.tuning.trials.TRIAL", 0.0)
    monkeypatch.setattr("bert_export.tuning.trials.FINAL", 0.0)
    monkeypatch.setattr("bert_export.tuning.tune.thread_counts", lambda: (1,))
    given: dict[str, Any] = {"bundle": fp32, "optimize": "latency", "calibrate": labelled, "max_drop": LOOSE}
    names = []
    for allowed in (True, False):
        report = export(ExportOptions(**given, allow_pruning=allowed, output=tmp_path / f"best-{allowed}"))
        assert report.tuning is not None
        names.append({line.name for line in report.tuning.lines})
    assert {"cpu int8 performance pruned", "openvino int8 performance pruned"} <= names[0]
    assert not any("pruned" in name for name in names[1])


def test_a_pruned_bundle_is_not_pruned_again(made: Callable[..., ExportReport], tmp_path: Path) -> None:
    report = made(speedup=1.05)
    with pytest.raises(OptionError, match="holds a pruned network already, expected a whole one"):
        made(bundle=report.bundle, speedup=1.05, output=tmp_path / "twice")


def test_a_pruned_bundle_is_quantised_like_any_other(
    made: Callable[..., ExportReport], labelled: Path, tmp_path: Path
) -> None:
    report = made(speedup=1.05)
    narrower = left(report.bundle)
    int8 = export(
        ExportOptions(bundle=report.bundle, int8=True, calibrate=labelled, max_drop=LOOSE, output=tmp_path / "int8")
    )
    assert left(int8.bundle) == narrower


def test_a_quantised_bundle_is_refused(made: Callable[..., ExportReport], tmp_path: Path) -> None:
    report = made(speedup=1.05, int8=True, preset="performance")
    with pytest.raises(BertError, match="has fp32 artefacts for no target"):
        made(bundle=report.bundle, output=tmp_path / "twice")


def test_a_speed_that_nothing_reaches_is_a_failed_gate_with_the_table(
    fp32: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--bundle", str(fp32), "--prune", "--speedup", "50", "--calibrate", str(labelled), "--max-drop", "0.9"]
    assert main([*given, "-o", str(tmp_path / "made"), "--quiet"]) == 1
    error = capsys.readouterr().err
    assert "no point at 50x keeps the drop within 0.9" in error
    assert "can be reached here; tried:" in error
    assert "of the products: drop" in error
    assert not (tmp_path / "made").exists()


def test_too_few_samples_are_refused_before_anything_is_fitted(made: Callable[..., ExportReport]) -> None:
    with pytest.raises(GateError, match="accuracy not proven: 80 independent held-out samples, of 160"):
        made(max_drop=0.01)


def test_texts_without_labels_are_judged_by_equal_answers(made: Callable[..., ExportReport], tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    pruning = made(calibrate=path, speedup=1.05).pruning
    assert pruning is not None
    assert pruning["kept"]["accuracy"]["metric"].startswith("agreement with fp32")


def test_a_decoder_is_refused(tiny_checkpoint: TinyCheckpoint, labelled: Path, tmp_path: Path) -> None:
    model = str(tiny_checkpoint("text-generation", {}))
    with pytest.raises(BertError, match="a decoder reads back"):
        export(ExportOptions(model=model, prune=True, calibrate=labelled, output=tmp_path / "made"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prune": True}, "--prune fits weights to texts, and judges answers on others; give --calibrate FILE"),
        ({"speedup": 2.0}, "--speedup without --prune, expected it: give --prune"),
        ({"prune": True, "calibrate": Path("c"), "speedup": 1.0}, "--speedup is 1, expected more than 1"),
        ({"prune": True, "calibrate": Path("c"), "ranges": Path("r")}, "a pruned network has other ranges"),
        ({"allow_pruning": True}, "--allow-pruning is for --optimize-for-this-machine"),
        ({"optimize": "latency", "prune": True, "calibrate": Path("c")}, "with --prune, expected it without"),
    ],
)
def test_options_that_do_not_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(**({"task": "qa"} | values))
    assert message in str(error.value)
