"""The Python backend's model, really run: it answers what `bert-run` answers, request by request."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http
from tests.serving.conftest import GOLDEN, TASKS, Running
from tests.serving.test_predict import flat
from tests.serving.triton import stand_in
from tests.serving.triton.conftest import ReadConfig, module_at
from tests.spoilt import BEYOND

import bert_runtime
from bert_runtime import Options, load
from bert_runtime.record_writers import to_json
from bert_serve.options import NamedBundle
from bert_serve.triton import TritonOptions, write_repository

Started = Callable[[Path], Any]


@pytest.fixture
def started(
    read_config: ReadConfig, as_triton_tells: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Started]:
    """Starts a model of a repository as Triton does: by its file, with its configuration as JSON."""
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", stand_in)
    running = []

    def start(folder: Path) -> Any:
        config = read_config(folder)
        model = module_at("model", folder / "1/model.py").TritonPythonModel()
        kind = "GPU" if "KIND_GPU" in str(config.instance_group) else "CPU"
        model.initialize(
            {
                "model_config": as_triton_tells(config),
                "model_instance_kind": kind,
                "model_instance_name": f"{folder.name}_0",
                "model_instance_device_id": "0",
                "model_repository": str(folder),
                "model_version": "1",
                "model_name": folder.name,
            }
        )
        running.append(model)
        return model

    yield start
    for model in running:
        model.finalize()


def answers(response: stand_in.InferenceResponse) -> list[Any]:
    assert response.error is None, response.error
    (tensor,) = response.output_tensors
    assert tensor.name() == "answer"
    assert tensor.as_numpy().ndim == 2
    return [json.loads(each) for each in tensor.as_numpy().ravel()]


@pytest.mark.parametrize("task", TASKS)
def test_each_task_answers_as_bert_run_does(started: Started, repository: Path, task: str) -> None:
    with load(GOLDEN / task) as session:
        requests = [dict(request) for request in session.task.examples_for(session.text)]
        requests = [each | ({"max_new_tokens": 3} if task == "text-generation" else {}) for each in requests]
        pairs = zip(requests, session.predict(requests, errors="return"), strict=True)
        answered = [(request, to_json(found)) for request, found in pairs if not isinstance(found, Exception)]
    assert answered
    model = started(repository / task)
    responses = model.execute([stand_in.texts("request", json.dumps(request)) for request, _ in answered])
    assert len(responses) == len(answered)
    for response, (_, expected) in zip(responses, answered, strict=True):
        assert list(flat(answers(response)[0])) == list(flat(expected))


def test_elements_of_one_request_are_answered_in_its_shape(started: Started, repository: Path) -> None:
    model = started(repository / "text-classification")
    (response,) = model.execute([stand_in.texts("text", "a good film", "a bad film", "")])
    (tensor,) = response.output_tensors
    assert tensor.as_numpy().shape == (3, 1)
    with load(GOLDEN / "text-classification") as session:
        expected = [to_json(each) for each in session.predict(["a good film", "a bad film", ""])]
    assert list(flat(answers(response))) == list(flat(expected))


def test_a_request_that_fails_fails_alone_and_names_its_element(started: Started, spoilt: Path, tmp_path: Path) -> None:
    write_repository(TritonOptions((NamedBundle("spoilt", str(spoilt)),), tmp_path / "models"))
    model = started(tmp_path / "models/spoilt")
    empty = stand_in.InferenceRequest([])
    both = stand_in.InferenceRequest([*stand_in.texts("text", "a").tensors, *stand_in.texts("request", "{}").tensors])
    cases = [
        (stand_in.texts("text", "a film"), None),
        (stand_in.texts("text", "a film", f"a {BEYOND}"), "text[1]: "),
        (stand_in.texts("request", '{"text": "a", "top_k": 0}'), "request[0]: "),
        (stand_in.texts("request", '{"text": "a"}', '{"txt": "a"}'), "unknown field 'txt'"),
        (stand_in.texts("request", "{"), "request[0]: is no JSON"),
        (stand_in.texts("request", "[1]"), "request[0]: is no object"),
        (stand_in.texts("text", b"\xff"), "text[0]: is no UTF-8 at byte 0"),
        (empty, "got neither, expected one of text and request"),
        (both, "got text and request, expected one"),
        (stand_in.texts("request", '{"text": "the film", "top_k": 1}'), None),
    ]
    responses = model.execute([request for request, _ in cases])
    for response, (_, told) in zip(responses, cases, strict=True):
        if told is None:
            assert len(answers(response)) == 1
        else:
            assert response.output_tensors == []
            assert told in response.error.message(), response.error.message()


def test_no_request_at_all_is_no_error(started: Started, repository: Path) -> None:
    model = started(repository / "text-classification")
    assert model.execute([]) == []
    (response,) = model.execute([stand_in.InferenceRequest([stand_in.Tensor("text", np.empty((0, 1), np.object_))])])
    assert answers(response) == []


def test_threads_and_target_reach_the_runtime(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = NamedBundle("qa", str(GOLDEN / "question-answering"))
    write_repository(TritonOptions((bundle,), tmp_path / "models", Options("portable", 1)))
    loaded: list[Options] = []

    def noted(path: Path, options: Options) -> Any:
        loaded.append(options)
        return load(path, options=options)

    monkeypatch.setattr(bert_runtime, "load", noted)
    session = started(tmp_path / "models/qa")._session
    assert session.artefact.target == "portable"
    assert [(options.target, options.threads) for options in loaded] == [("portable", 1)]


def test_the_model_needs_the_runtime_alone(repository: Path) -> None:
    source = (repository / "text-classification/1/model.py").read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {each.name for node in imports if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    ours = {name for name in names if name.partition(".")[0].startswith("bert")}
    assert {name.partition(".")[0] for name in ours} == {"bert_runtime"}
    assert names - ours == {
        "__future__",
        "json",
        "collections.abc",
        "pathlib",
        "typing",
        "numpy",
        "triton_python_backend_utils",
    }


def test_the_client_of_the_guide_asks_bert_serve_too(server: Running) -> None:
    guide = (Path(__file__).parents[3] / "docs/guides/triton.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```py\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "triton.md", "exec"), names)
    client = tritonclient.http.InferenceServerClient(server.url.removeprefix("http://"))
    request = {"question": "Who?", "context": "the film of Ada"}
    answer = names["ask"](client, "question-answering", request)
    assert answer == server.post("/v1/models/question-answering:predict", request).json
