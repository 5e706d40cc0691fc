"""A model repository that Triton takes: its schema, the graphs' real tensors, links in place of copies, refusals."""

from __future__ import annotations

import errno
import io
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import onnxruntime
import pytest
import yaml
from google.protobuf import text_format
from tests.serving.conftest import GOLDEN
from tests.serving.triton.conftest import BUNDLES, ReadConfig

from bert_runtime import bundle as bundles
from bert_runtime.errors import InputError
from bert_serve.command import run
from bert_serve.options import NamedBundle
from bert_serve.triton import TritonOptions, write_repository
from bert_serve.triton.config import DATA_TYPES
from bert_serve.triton.tensor_model import tensor_models

CLASSIFIER = GOLDEN / "text-classification"
ONNX_TYPES = {
    "tensor(int64)": "TYPE_INT64",
    "tensor(float)": "TYPE_FP32",
    "tensor(float16)": "TYPE_FP16",
}
EXAMPLES = Path(__file__).parents[3] / "examples/triton"


def written(tmp_path: Path, *paths: str, force: bool = False) -> tuple[str, ...]:
    named = tuple(NamedBundle.parse(path) for path in paths)
    return write_repository(TritonOptions(named, tmp_path / "models", force=force))


def test_every_configuration_is_one_of_tritons_schema(repository: Path, read_config: ReadConfig) -> None:
    folders = sorted(repository.iterdir())
    graphs = sum(
        1 + (each.cross_kv_graph is not None) for path in BUNDLES for each in bundles.read(path).manifest.artefacts
    )
    assert len(folders) == len(BUNDLES) + graphs
    for folder in folders:
        config = read_config(folder)
        assert config.name == folder.name
        assert config.backend in ("onnxruntime", "python")
        assert bool(config.max_batch_size) == config.HasField("dynamic_batching")
        assert [group.count for group in config.instance_group] == [1]


def test_the_schema_refuses_a_field_that_it_does_not_know(schema: ModuleType) -> None:
    with pytest.raises(text_format.ParseError):
        text_format.Parse('name: "a"\nmax_batch: 3', schema.ModelConfig())


def test_tensors_are_those_of_the_real_graph(repository: Path, read_config: ReadConfig, schema: ModuleType) -> None:
    """By the rules of ValidateInputs and ValidateOutputs in Triton's onnxruntime.cc."""
    checked = 0
    for folder in sorted(repository.iterdir()):
        config = read_config(folder)
        if config.backend != "onnxruntime":
            continue
        session = onnxruntime.InferenceSession(folder / "1/model.onnx", providers=["CPUExecutionProvider"])
        needed, defaults = session.get_inputs(), session.get_overridable_initializers()
        assert [each.name for each in config.input if not each.optional] == [node.name for node in needed]
        assert [each.name for each in config.input if each.optional] == [node.name for node in defaults]
        assert not (defaults and config.max_batch_size), "Triton refuses optional inputs of a model with batches"
        assert [each.name for each in config.output] == [node.name for node in session.get_outputs()]
        nodes = {node.name: node for node in (*needed, *defaults, *session.get_outputs())}
        for tensor in (*config.input, *config.output):
            node = nodes[tensor.name]
            shape = [size if isinstance(size, int) else -1 for size in node.shape]
            assert schema.DataType.Name(tensor.data_type) == ONNX_TYPES[node.type]
            assert [-1] * bool(config.max_batch_size) + list(tensor.dims) == shape, (folder.name, tensor.name)
            checked += 1
    assert checked > 60


def test_an_input_with_a_default_is_optional_and_such_a_model_has_no_batches(
    repository: Path, read_config: ReadConfig
) -> None:
    config = read_config(repository / "fill-mask-cpu-fp32")
    assert {each.name: each.optional for each in config.input}["positions"] is True
    assert config.max_batch_size == 0
    assert [list(each.dims) for each in config.input] == [[-1, -1]] * 4


def test_labels_stand_beside_the_output_that_has_a_number_for_each(repository: Path, read_config: ReadConfig) -> None:
    labels = bundles.read(CLASSIFIER).manifest.settings.labels
    folder = repository / "text-classification-portable-fp32"
    (output,) = read_config(folder).output
    assert (folder / output.label_filename).read_text(encoding="utf-8").splitlines() == list(labels)
    assert list(output.dims) == [len(labels)]
    (of_tokens,) = read_config(repository / "token-classification-cpu-fp32").output
    assert of_tokens.label_filename == ""


def test_a_decoder_that_reads_a_source_has_no_batch_of_its_own(repository: Path, read_config: ReadConfig) -> None:
    assert read_config(repository / "text-generation-from-source-cpu-fp32").max_batch_size == 0
    assert read_config(repository / "text-generation-from-source-cpu-fp32-cross_kv").max_batch_size == 0
    assert read_config(repository / "text-generation-cpu-fp32").max_batch_size > 0


def test_where_a_model_lives_and_what_runs_it_is_its_targets(
    repository: Path, read_config: ReadConfig, schema: ModuleType
) -> None:
    def told(name: str) -> tuple[str, list[str], list[str]]:
        config = read_config(repository / name)
        accelerators = config.optimization.execution_accelerators
        kind = schema.ModelInstanceGroup.Kind.Name(config.instance_group[0].kind)
        return (
            kind,
            [each.name for each in accelerators.gpu_execution_accelerator],
            [each.name for each in accelerators.cpu_execution_accelerator],
        )

    assert told("question-answering-cpu-fp32") == ("KIND_CPU", [], [])
    assert told("text-classification-sequence-packing-openvino-fp32") == ("KIND_CPU", [], ["openvino"])
    assert told("token-classification-by-mask-cuda-fp32-right_padded") == ("KIND_GPU", [], [])
    assert told("token-classification-by-mask") == ("KIND_GPU", [], [])
    assert told("question-answering") == ("KIND_CPU", [], [])


def test_tensorrt_keeps_its_engines_and_leaves_the_precision_to_the_graph(schema: ModuleType) -> None:
    bundle = bundles.read(CLASSIFIER)
    artefact = replace(bundle.manifest.artefacts[0], target="tensorrt", precision="fp16")
    (model,) = tensor_models("a", replace(bundle, manifest=replace(bundle.manifest, artefacts=(artefact,))))
    config: Any = text_format.Parse(model.config.to_text(), schema.ModelConfig())
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert (config.name, accelerator.name) == ("a-tensorrt-fp16", "tensorrt")
    known = {"precision_mode", "max_workspace_size_bytes", "trt_engine_cache_enable", "trt_engine_cache_path"}
    assert set(accelerator.parameters) < known
    assert "precision_mode" not in accelerator.parameters


def test_every_dtype_is_one_of_the_schema(schema: ModuleType) -> None:
    assert set(DATA_TYPES.values()) <= set(schema.DataType.keys())


def test_weights_are_linked_and_not_copied(tmp_path: Path) -> None:
    source = shutil.copytree(GOLDEN / "text-classification-sequence-packing", tmp_path / "packed")
    written(tmp_path, str(source))
    for name in ("model.onnx", "model.onnx.data"):
        inode = (source / name).stat().st_ino
        assert (tmp_path / "models/packed/1/bundle" / name).stat().st_ino == inode
        assert (tmp_path / "models/packed-openvino-fp32/1" / name).stat().st_ino == inode


def test_where_nothing_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    written(tmp_path, str(CLASSIFIER))
    copy = tmp_path / "models/text-classification/1/bundle"
    assert bundles.read(copy).manifest == bundles.read(CLASSIFIER).manifest


def test_a_repository_is_replaced_on_demand_alone_and_nothing_else_is(tmp_path: Path) -> None:
    assert written(tmp_path, f"a={CLASSIFIER}") == ("a", "a-portable-fp32")
    with pytest.raises(InputError, match="holds 2 models; write to another directory, or replace it with --force"):
        written(tmp_path, f"b={CLASSIFIER}")
    assert written(tmp_path, f"b={CLASSIFIER}", force=True) == ("b", "b-portable-fp32")
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["b", "b-portable-fp32"]
    (tmp_path / "models/notes").mkdir()
    with pytest.raises(InputError, match="notes is no model of Triton's; write to another directory"):
        written(tmp_path, f"c={CLASSIFIER}", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_bundle_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        written(tmp_path, f"a={CLASSIFIER}", f"a-portable-fp32={CLASSIFIER}")
    broken = shutil.copytree(CLASSIFIER, tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"")
    with pytest.raises(Exception, match=r"model\.onnx"):
        written(tmp_path, f"a={CLASSIFIER}", str(broken))
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a b"], "the model's name is 'a b'"),
        (["ä=x"], "the model's name is 'ä'"),
        ([".=x"], "the model's name is '.'"),
        ([], "got no bundle"),
        (["a=x", "a=y"], "two models would be called 'a'"),
        (["a", "--port", "1", "--workers", "2"], "got --port, --workers with --write-triton, expected none"),
    ],
)
def test_names_and_flags_that_make_no_repository_are_refused(arguments: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        run(["--write-triton", "models", *arguments], io.StringIO())


def test_a_server_replaces_nothing() -> None:
    with pytest.raises(InputError, match="got --force without --write-triton DIR"):
        run(["a", "--force"], io.StringIO())


def test_the_command_names_the_models_that_it_wrote(tmp_path: Path) -> None:
    output = io.StringIO()
    assert run([f"qa={GOLDEN / 'question-answering'}", "--write-triton", str(tmp_path / "models")], output) == 0
    assert output.getvalue() == "qa\nqa-cpu-fp32\nqa-portable-fp32\n"


def test_the_examples_name_what_is_there() -> None:
    service = yaml.safe_load((EXAMPLES / "kserve.yaml").read_text(encoding="utf-8"))
    assert service["kind"] == "InferenceService"
    assert service["spec"]["predictor"]["model"]["modelFormat"]["name"] == "triton"
    compose = yaml.safe_load((EXAMPLES / "compose.yaml").read_text(encoding="utf-8"))
    (triton,) = compose["services"].values()
    assert (EXAMPLES / triton["build"]["context"]).resolve() == EXAMPLES.parents[1]
    assert (EXAMPLES.parents[1] / triton["build"]["dockerfile"]).is_file()
