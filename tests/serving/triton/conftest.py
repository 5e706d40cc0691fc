"""A repository of every task, and Triton's own schema to read it with."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tritonclient
from google.protobuf import json_format, text_format
from tests.serving.conftest import GOLDEN

from bert_serve.options import NamedBundle
from bert_serve.triton import TritonOptions, write_repository

BUNDLES = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
ReadConfig = Callable[[Path], Any]


def module_at(name: str, path: Path) -> ModuleType:
    """A module from its file, under no package's name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def schema() -> ModuleType:
    """Triton's model_config.proto, which its client brings; the client itself would want gRPC."""
    return module_at("model_config_pb2", Path(tritonclient.__file__).parent / "grpc/model_config_pb2.py")


@pytest.fixture(scope="session")
def read_config(schema: ModuleType) -> ReadConfig:
    """Reads a model's config.pbtxt; an unknown field, or a value of another type, is an error."""

    def read(model: Path) -> Any:
        text = (model / "config.pbtxt").read_text(encoding="utf-8")
        return text_format.Parse(text, schema.ModelConfig(), allow_unknown_field=False)

    return read


@pytest.fixture(scope="session")
def as_triton_tells() -> Callable[[Any], str]:
    """The configuration as a Python model gets it: JSON with the schema's names."""
    return lambda config: json_format.MessageToJson(config, preserving_proto_field_name=True)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of every golden bundle."""
    place = tmp_path_factory.mktemp("triton") / "models"
    bundles = tuple(NamedBundle(path.name, str(path)) for path in BUNDLES)
    write_repository(TritonOptions(bundles, place))
    return place
