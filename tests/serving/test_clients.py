"""The clients that people have: openai, huggingface_hub and tritonclient, against a server that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import openai
import pytest
import tritonclient.http as triton
from huggingface_hub import InferenceClient
from tests.serving.conftest import GOLDEN, Running
from tritonclient.utils import InferenceServerException

from bert_runtime import load

TEXTS = ["a good film", "the bad film", ""]


@pytest.fixture(scope="module")
def vectors() -> Any:
    with load(GOLDEN / "feature-extraction") as session:
        return np.stack([session(text).vector for text in TEXTS])


def test_openai_gets_vectors(server: Running, vectors: Any) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    for form in ("float", "base64"):
        answer = client.embeddings.create(model="feature-extraction", input=TEXTS, encoding_format=form)
        if form == "float":
            assert np.stack([each.embedding for each in answer.data]) == pytest.approx(vectors, abs=1e-5)
    answer = client.embeddings.create(model="feature-extraction", input=TEXTS)  # asks for base64 and decodes it
    assert np.stack([each.embedding for each in answer.data]) == pytest.approx(vectors, abs=1e-5)
    assert answer.usage.prompt_tokens == 5 + 5 + 2
    assert next(iter(client.models.list())).id == "text-classification"


def test_the_example_of_bulk_work_asks_through_tritonclient(server: Running, tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = arrow.table({"id": range(100), "body": ["a good film", "the bad film"] * 50})
    parquet.write_table(rows, tmp_path / "in.parquet")
    address = server.url.removeprefix("http://")
    example = Path(__file__).parents[2] / "examples/bulk/triton_loop.py"
    line = [sys.executable, example, address, "text-classification", tmp_path / "in.parquet", tmp_path / "out"]
    subprocess.run(list(map(str, line)), check=True)
    with load(GOLDEN / "text-classification") as session:
        expected = [session(text).labels[0].label for text in TEXTS[:2]] * 50
    found = parquet.read_table(tmp_path / "out").to_pylist()
    assert [(row["id"], row["label"]) for row in found] == list(enumerate(expected))


def test_openai_is_told_what_is_wrong(server: Running) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt'"):
        client.embeddings.create(model="gpt", input="a")
    with pytest.raises(openai.UnprocessableEntityError, match="dimensions is 3, expected 16"):
        client.embeddings.create(model="feature-extraction", input="a", dimensions=3)


@pytest.fixture
def this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reaches nothing where it was told to stay offline, not even a server on the loopback."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.mark.usefixtures("this_machine_alone")
def test_the_hubs_client_asks_every_task_that_it_knows(server: Running, vectors: Any) -> None:
    def client(name: str) -> InferenceClient:
        return InferenceClient(model=f"{server.url}/models/{name}", token="none")

    assert client("feature-extraction").feature_extraction(TEXTS[0])[0] == pytest.approx(vectors[0], abs=1e-5)
    labels = client("text-classification").text_classification("a good film", top_k=2)
    assert len(labels) == 2
    assert labels[0].score > labels[1].score
    text = "the good film a bad film"
    for entity in client("token-classification").token_classification(text, aggregation_strategy="first"):
        assert entity.word == text[entity.start : entity.end]
    answer: Any = client("question-answering").question_answering(question="the film", context="a good film")
    assert answer.answer == "a good film"[answer.start : answer.end]
    mask = load(GOLDEN / "fill-mask").text.mask_token
    words = client("fill-mask").fill_mask(f"a {mask} film", top_k=3)
    assert len(words) == 3


@pytest.mark.usefixtures("this_machine_alone")
def test_text_embeddings_inference_is_spoken(server: Running, vectors: Any) -> None:
    embedded = server.post("/embed", {"inputs": TEXTS, "truncate": True, "normalize": True}).json
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.array(embedded) == pytest.approx(vectors / lengths, abs=1e-5)
    direct = InferenceClient(model=f"{server.url}/embed", token="none").feature_extraction(TEXTS[1], normalize=None)
    assert direct.shape == (1, 16)
    one = server.post("/predict", {"inputs": "a film"}).json
    pair = server.post("/predict", {"inputs": ["a film", "bad"]}).json
    many = server.post("/predict", {"inputs": [["a film"], ["a film", "bad"]]}).json
    assert many == [one, pair]
    raw = server.post("/predict", {"inputs": "a film", "raw_scores": True}).json
    assert sum(each["score"] for each in one) == pytest.approx(1)
    assert sum(each["score"] for each in raw) != pytest.approx(1)


def test_rerank_puts_the_best_text_first(server: Running, cross_encoder: Any) -> None:
    texts = ["a good film", "bad", "the the the", "film"]
    ranked = server.post("/rerank", {"query": "the film", "texts": texts, "return_text": True}).json
    with load(cross_encoder) as session:
        scores = [session({"text": "the film", "text_pair": text}).labels[0].score for text in texts]
    assert [each["index"] for each in ranked] == sorted(range(4), key=lambda i: -scores[i])
    assert [each["score"] for each in ranked] == pytest.approx(sorted(scores, reverse=True), abs=1e-5)
    assert all(each["text"] == texts[each["index"]] for each in ranked)


@pytest.fixture(scope="module")
def client(server: Running) -> Any:
    return triton.InferenceServerClient(f"127.0.0.1:{server.port}")


def test_triton_finds_server_and_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("question-answering")
    assert not client.is_model_ready("nothing")
    assert client.get_server_metadata()["name"] == "bert-serve"
    told = client.get_model_metadata("text-classification")
    assert {each["name"]: each["datatype"] for each in told["inputs"]} == {
        "text": "BYTES",
        "request": "BYTES",
        "input_ids": "INT64",
        "attention_mask": "INT64",
        "token_type_ids": "INT64",
    }
    assert told["outputs"][1] == {"name": "logits", "datatype": "FP32", "shape": [-1, 3]}


@pytest.mark.parametrize("is_binary", [True, False])
def test_triton_runs_tensors(client: Any, is_binary: bool) -> None:
    with load(GOLDEN / "text-classification") as session:
        row = session.prepare("a good film").encoded.features[0]
        feeds = {"input_ids": row.ids[None], "attention_mask": row.mask[None], "token_type_ids": row.type_ids[None]}
        expected = session.run(feeds)["logits"]
    inputs = [triton.InferInput(name, list(array.shape), "INT64") for name, array in feeds.items()]
    for each, array in zip(inputs, feeds.values(), strict=True):
        each.set_data_from_numpy(array, binary_data=is_binary)
    for outputs in (None, [triton.InferRequestedOutput("logits", binary_data=is_binary)]):
        answer = client.infer("text-classification", inputs, outputs=outputs, request_id="7")
        assert answer.as_numpy("logits") == pytest.approx(expected, abs=1e-5)
        assert answer.get_response()["id"] == "7"


@pytest.mark.parametrize("is_binary", [True, False])
def test_triton_asks_texts(client: Any, server: Running, is_binary: bool) -> None:
    requests = [{"question": "the film", "context": context} for context in ("a good film", "das Café der 東京 film")]
    tensor = triton.InferInput("request", [2, 1], "BYTES")
    texts = np.array([[json.dumps(request, ensure_ascii=False)] for request in requests], dtype=object)
    tensor.set_data_from_numpy(texts, binary_data=is_binary)
    outputs = [triton.InferRequestedOutput("answer", binary_data=is_binary)]
    answers = client.infer("question-answering", [tensor], outputs=outputs).as_numpy("answer")
    assert answers.shape == (2, 1)
    for request, answer in zip(requests, answers.ravel(), strict=True):
        own = server.post("/v1/models/question-answering:predict", request).json
        assert json.loads(answer)["answers"][0]["text"] == own["answers"][0]["text"]


def test_triton_is_told_what_is_wrong(client: Any) -> None:
    ids = triton.InferInput("input_ids", [1, 2], "INT32")
    ids.set_data_from_numpy(np.zeros((1, 2), np.int32))
    with pytest.raises(InferenceServerException, match="input_ids is int32 of shape"):
        client.infer("text-classification", [ids])
    with pytest.raises(InferenceServerException, match="there is no model 'nothing'"):
        client.infer("nothing", [ids])
    text = triton.InferInput("text", [1], "BYTES")
    text.set_data_from_numpy(np.array(["a"], dtype=object))
    with pytest.raises(InferenceServerException, match="the output 'x' is unknown, expected answer"):
        client.infer("text-classification", [text], outputs=[triton.InferRequestedOutput("x")])
