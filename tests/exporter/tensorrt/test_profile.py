"""A profile fits its graph, comes from flags, data or the model, and is the same in all of its forms."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import numpy as np
import pytest

from bert_export.errors import OptionError
from bert_export.tensorrt.profile import Bounds, parse_profile, profile_of, shapes_of
from bert_export.tensorrt.profile_file import onnxruntime_options, render, trtexec_line
from bert_runtime.manifest import Artefact, Graph
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.tensors import TensorSpec, expand

SCHEMA = Path(__file__).parents[3] / "runtime" / "profile.schema.json"
IDS = find_task("qa").inputs()
CHOICES = find_task("mc").inputs()
MASKS = find_task("mlm").inputs()
DECODER = expand(find_task("lm").inputs(reads_source=True), 1)


def rows(*lengths: int, masks: int = 0, choices: int = 0) -> list[Features]:
    made = []
    for length in lengths:
        ids = np.ones((choices, length) if choices else (length,), np.int64)
        made.append(Features(ids, ids * 0, ids, np.arange(masks) if masks else None))
    return made


def test_a_flag_names_axes() -> None:
    assert parse_profile("batch=1:8:32, sequence=16:128:384") == {
        "batch": Bounds(1, 8, 32),
        "sequence": Bounds(16, 128, 384),
    }
    assert parse_profile("past=0:1:2") == {"past": Bounds(0, 1, 2)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no AXIS=MIN:OPT:MAX"),
        ("batch=1:8", "'batch=1:8' is no AXIS=MIN:OPT:MAX"),
        ("batch=1:8:32:64", "is no AXIS=MIN:OPT:MAX"),
        ("batch=-1:8:32", "is no AXIS=MIN:OPT:MAX"),
        ("batch=8:1:32", "batch is 8:1:32, expected 1 <= MIN <= OPT <= MAX"),
        ("batch=0:1:32", "batch is 0:1:32, expected 1 <="),
        ("past=0:0:0", "past is 0:0:0, expected 0 <="),
        ("labels=1:2:3", "labels is no axis that a request changes"),
        ("total=1:2:3", "total is no axis that a request changes"),
        ("batch=1:2:3,batch=1:2:4", "batch is given twice"),
        ("batch=x,labels=1:2:3", "'batch=x' is no AXIS=MIN:OPT:MAX; labels is no axis"),
    ],
)
def test_a_flag_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(OptionError) as error:
        parse_profile(text)
    assert message in str(error.value)
    assert "batch=1:8:32,sequence=16:128:384" in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "wanted", "message"),
    [
        (IDS, "choices=1:2:3", "the graph has no axis choices; it has batch, sequence"),
        (IDS, "sequence=1:128:513", "sequence is up to 513, expected at most 512"),
        (MASKS, "masks=1:1:513", "masks is up to 513, expected at most 512"),
        (DECODER, "sources=3:3:3", "batch is no multiple of sources"),
        (IDS, "choices=1:2:3,sequence=1:1:999", "no axis choices; it has batch, sequence; sequence is up to 999"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(inputs: tuple[TensorSpec, ...], wanted: str, message: str) -> None:
    with pytest.raises(OptionError) as error:
        profile_of(inputs, 512, parse_profile(wanted))
    assert message in str(error.value)


def test_without_data_it_is_what_the_model_reads() -> None:
    found = profile_of(MASKS, 512, {})
    assert found.axes == {"batch": Bounds(1, 8, 32), "sequence": Bounds(1, 128, 512), "masks": Bounds(1, 8, 80)}
    assert found.origin == "the model's limits"
    short = profile_of(MASKS, 12, {}).axes
    assert (short["sequence"], short["masks"]) == (Bounds(1, 12, 12), Bounds(1, 8, 8))


def test_data_moves_the_usual_size_to_where_nine_of_ten_rows_fit() -> None:
    axes = profile_of(IDS, 512, {}, rows(*range(10, 29), 500)).axes
    assert axes["sequence"] == Bounds(1, 32, 512), "18 of 20 have 27 tokens or fewer; a multiple of 8"
    assert profile_of(IDS, 100, {}, rows(*[99] * 20)).axes["sequence"] == Bounds(1, 100, 100)


def test_more_choices_and_masks_than_usual_are_allowed_for() -> None:
    assert profile_of(CHOICES, 512, {}, rows(9, 9, choices=20)).axes["choices"] == Bounds(1, 20, 20)
    assert profile_of(MASKS, 64, {}, rows(40, 41, masks=30)).axes["masks"] == Bounds(1, 30, 30)


def test_flags_come_before_data() -> None:
    found = profile_of(IDS, 512, {"sequence": Bounds(4, 5, 6)}, rows(20, 30))
    assert found.axes["sequence"] == Bounds(4, 5, 6)
    assert found.origin == "--profile (sequence), the sizes of 2 calibration rows, the model's limits"


def test_the_whole_of_a_decoder_is_past_and_new_tokens() -> None:
    axes = profile_of(DECODER, 64, {"past": Bounds(0, 10, 20), "batch": Bounds(2, 4, 8)}).axes
    assert axes["total"] == Bounds(1, 74, 84)
    assert axes["sources"] == axes["batch"], "a source for each row, unless told otherwise"


def test_an_input_has_the_sizes_of_its_axes() -> None:
    graph = Graph("model.onnx", (), DECODER, ())
    shapes = shapes_of(graph, profile_of(DECODER, 64, {}), {"heads": 4, "size": 8})
    assert shapes["past_key_values.0.key"].points == ((1, 4, 0, 8), (8, 4, 64, 8), (32, 4, 64, 8))
    assert shapes["attention_mask"].points == ((1, 1), (8, 128), (32, 128))


def artefact(inputs: tuple[TensorSpec, ...]) -> Artefact:
    return Artefact("tensorrt", "fp16", "model.onnx", (), inputs, (), "any", 20, False)


def test_all_forms_tell_the_same_shapes() -> None:
    profile = profile_of(IDS, 384, {"batch": Bounds(1, 8, 32), "sequence": Bounds(16, 128, 384)})
    shapes = shapes_of(artefact(IDS).graphs[0], profile, {})
    options, line = onnxruntime_options(shapes), shlex.split(trtexec_line("model.tensorrt.onnx", shapes))

    assert options["trt_profile_min_shapes"] == "input_ids:1x16,attention_mask:1x16,token_type_ids:1x16"
    assert options["trt_profile_max_shapes"] == "input_ids:32x384,attention_mask:32x384,token_type_ids:32x384"
    assert not [name for name in options if "fp16" in name or "int8" in name], "the graph has its types"
    assert line[:3] == ["trtexec", "--onnx=model.tensorrt.onnx", "--stronglyTyped"]
    assert line[-1] == "--saveEngine=model.tensorrt.plan"
    for point in ("min", "opt", "max"):
        assert f"--{point}Shapes={options[f'trt_profile_{point}_shapes']}" in line


@pytest.mark.parametrize(("inputs", "sizes"), [(IDS, {}), (CHOICES, {}), (DECODER, {"heads": 4, "size": 8})])
def test_the_file_is_what_its_schema_says(inputs: tuple[TensorSpec, ...], sizes: Mapping[str, int]) -> None:
    schema = json.loads(SCHEMA.read_text())
    record = json.loads(render(artefact(inputs), profile_of(inputs, 64, {}), sizes))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(record, schema)
    for broken in (
        {**record, "more": 1},
        {**record, "axes": {"batch": {"min": 0, "opt": 1}}},
        {**record, "graphs": []},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)
