"""Tables in, tables out: the same rows in their order, with the session's answers beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bert_runtime.table
from bert_runtime.errors import InputError
from bert_runtime.loading import load

arrow = pytest.importorskip("pyarrow")

GOLDEN = Path(__file__).parents[2] / "golden/v1"
CLASSIFICATION = GOLDEN / "text-classification"
TEXTS = ["the good film", "", "é 😀", "bad " * 40] * 700


def table() -> Any:
    return arrow.table({"id": range(len(TEXTS)), "body": TEXTS, "label": ["gold"] * len(TEXTS)})


def test_an_arrow_table_gains_the_answers_of_its_rows() -> None:
    found = bert_runtime.table.predict(table(), CLASSIFICATION, text="body")
    with load(CLASSIFICATION) as session:
        expected = list(session.predict(TEXTS))
    assert found.schema.names == ["id", "input_label", "label", "score", "truncated"]
    assert found.column("label").to_pylist() == [answer.label for answer in expected]
    assert found.column("score").to_pylist() == pytest.approx([answer.score for answer in expected], abs=1e-6)
    assert found.column("id").to_pylist() == list(range(len(TEXTS)))


def test_what_is_passed_on_is_not_copied() -> None:
    given = table()
    found = bert_runtime.table.predict(given, CLASSIFICATION, text="body")
    address = [each.column("id").chunk(0).buffers()[1].address for each in (given, found)]
    assert address[0] == address[1]


def test_a_record_batch_gives_a_record_batch() -> None:
    batch = table().slice(0, 3).combine_chunks().to_batches()[0]
    found = bert_runtime.table.predict(batch, CLASSIFICATION, text="body", output=("score", "id"))
    assert (type(found), found.schema.names, found.num_rows) == (arrow.RecordBatch, ["score", "id"], 3)
    assert bert_runtime.table.predict(batch.slice(0, 0), CLASSIFICATION, text="body").num_rows == 0


def test_frames_of_pandas_keep_their_index() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", "good"], "n": [1.5, None]}, index=["x", "y"])
    with load(CLASSIFICATION) as session:
        found = bert_runtime.table.predict(frame, session)
    assert list(found.columns) == ["n", "label", "score", "truncated"]
    assert list(found.index) == ["x", "y"]


def test_frames_of_polars_stay_such_and_hold_vectors() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"text": ["a", None, "good"]})
    found = bert_runtime.table.predict(frame, GOLDEN / "feature-extraction")
    with load(GOLDEN / "feature-extraction") as session:
        vector = session("good").vector
    assert isinstance(found, polars.DataFrame)
    assert found["vector"].dtype == polars.Array(polars.Float32, len(vector))
    assert np.allclose(found["vector"][2].to_numpy(), vector, atol=1e-6)
    assert found["vector"].is_null().to_list() == [False, True, False]


def test_other_fields_have_columns_of_their_own() -> None:
    pairs = arrow.table({"q": ["who?"], "page": ["the good film"]})
    columns = {"question": "q", "context": "page"}
    found = bert_runtime.table.predict(pairs, GOLDEN / "question-answering", columns=columns)
    with load(GOLDEN / "question-answering") as session:
        expected = session({"question": "who?", "context": "the good film"}).to_dict()
    assert found.to_pylist()[0]["answers"][0]["text"] == expected["answers"][0]["text"]


def test_a_bad_row_is_raised_with_its_place_or_returned_with_its_reason() -> None:
    given = arrow.table({"text": ["a", "b", "c"], "activation": ["softmax", "no such", None]})
    with load(CLASSIFICATION) as session:
        with pytest.raises(InputError, match="request 1: activation is 'no such'") as caught:
            bert_runtime.table.predict(given, session)
        found = bert_runtime.table.predict(given, session, errors="return").to_pylist()
    assert caught.value.index == 1
    assert [(row["line"], row["code"], row["label"] is None) for row in found] == [
        (None, None, False),
        (2, "not-a-choice", True),
        (None, None, False),
    ]


@pytest.mark.parametrize(
    ("given", "arguments", "message"),
    [
        ({"body": ["a"]}, {}, r"the column 'text' is missing; the columns are 'body'; say which holds it"),
        ({"text": [1]}, {}, "the column 'text' has the type int64, expected text for text"),
        ({"text": ["a"]}, {"output": ("lable",)}, "got 'lable', which neither the input nor an answer has"),
        ({"text": ["a"]}, {"errors": "skip"}, "errors is 'skip', expected 'raise' or 'return'"),
    ],
)
def test_what_cannot_be_is_explained(given: dict[str, Any], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bert_runtime.table.predict(arrow.table(given), CLASSIFICATION, **arguments)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(InputError, match=r"table is a builtins.dict, expected a pyarrow Table or Rec"):
        bert_runtime.table.predict({"text": ["a"]}, CLASSIFICATION)


def test_the_map_of_a_dataset_takes_batches_of_arrow() -> None:
    """As the page on bulk work shows it."""
    datasets = pytest.importorskip("datasets")
    given = datasets.Dataset.from_dict({"text": ["a", "good", "bad"] * 5, "id": list(range(15))}).with_format("arrow")
    with load(CLASSIFICATION) as session:
        found = given.map(lambda batch: bert_runtime.table.predict(batch, session), batched=True, batch_size=4)
    assert found.column_names == ["id", "label", "score", "truncated"]
    assert list(found.with_format(None)["id"]) == list(range(15))
