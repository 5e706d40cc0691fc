"""Data files as people have them, through the command: whatever the format, the same rows with the same answers."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bert_runtime.cli import main
from bert_runtime.cli.files import SOME_SKIPPED
from bert_runtime.loading import load

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

GOLDEN = Path(__file__).parents[3] / "golden/v1"
CLASSIFICATION = GOLDEN / "text-classification"
ENTITY = {"label", "score", "text", "start", "end", "index"}
ANSWER = {"text", "score", "start", "end"}
TEXTS = ["a good film", 'é 😀, quoted "so"', "bad\nfilm", "", "the film " * 30] * 300
ROWS = [{"id": f"{i:04}", "body": text, "stars": str(i % 5)} for i, text in enumerate(TEXTS)]
FORMATS = ("jsonl", "csv", "tsv", "parquet", "arrow", "jsonl.gz", "csv.gz", "tsv.zst", "jsonl.zst")


class Ran(NamedTuple):
    code: int
    out: bytes
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    def command(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Ran(code, out, err.decode())

    return command


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Rows in the format of the path, by libraries that are not ours."""
    kind = path.name.partition(".")[2].split(".")
    if kind[0] in ("parquet", "arrow"):
        table = arrow.Table.from_pylist(rows)
        if kind[0] == "parquet":
            parquet.write_table(table, path, row_group_size=400)
        else:
            with arrow.ipc.new_file(str(path), table.schema) as file:
                file.write_table(table, 300)
        return path
    text = io.StringIO(newline="")
    if kind[0] == "jsonl":
        text.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        writer = csv.DictWriter(text, rows[0], delimiter="\t" if kind[0] == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    raw = text.getvalue().encode()
    packed = {"gz": gzip.compress, "zst": lambda each: arrow.Codec("zstd").compress(each, asbytes=True)}
    path.write_bytes(packed[kind[1]](raw) if len(kind) > 1 else raw)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The same, backwards: lists in a cell of CSV stay JSON."""
    kind = path.name.partition(".")[2].split(".")
    if kind[0] == "parquet":
        return list(parquet.read_table(path).to_pylist())
    raw = path.read_bytes()
    if kind[0] == "arrow":
        return list(arrow.ipc.open_file(raw).read_all().to_pylist())
    if len(kind) > 1:
        raw = gzip.decompress(raw) if kind[1] == "gz" else arrow.CompressedInputStream(io.BytesIO(raw), "zstd").read()
    text = io.StringIO(raw.decode(), newline="")
    if kind[0] == "jsonl":
        return [json.loads(line) for line in text]
    return list(csv.DictReader(text, delimiter="\t" if kind[0] == "tsv" else ","))


@pytest.fixture(scope="module")
def expected() -> list[tuple[str, float]]:
    with load(CLASSIFICATION) as session:
        answers = list(session.predict([{"text": row["body"]} for row in ROWS]))
    return [(answer.label, answer.score) for answer in answers]


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", ["jsonl", "csv", "parquet", "arrow", "tsv.zst"])
def test_every_format_gives_the_same_rows_with_what_is_passed_on(
    run: Run, tmp_path: Path, source: str, target: str, expected: list[tuple[str, float]]
) -> None:
    path, output = write(tmp_path / f"in.{source}"), tmp_path / f"out.{target}"
    ran = run(CLASSIFICATION, "--input", path, "--output", output, "--text-column", "body")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    rows = read(output)
    assert list(rows[0]) == ["id", "stars", "label", "score", "truncated"]
    assert [(row["id"], row["stars"]) for row in rows] == [(row["id"], row["stars"]) for row in ROWS]
    assert [row["label"] for row in rows] == [label for label, _ in expected]
    assert [float(row["score"]) for row in rows] == pytest.approx([score for _, score in expected], abs=1e-6)


def test_types_of_arrow_are_passed_on_as_they_are(run: Run, tmp_path: Path) -> None:
    table = arrow.table(
        {
            "id": arrow.array([2**40, None, 3], arrow.uint64()),
            "text": arrow.array(["a", "b", "c"], arrow.large_string()),
            "day": arrow.array([0, 1, None], arrow.date32()),
            "tags": arrow.array([["x"], [], None], arrow.list_(arrow.string())),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    assert run(CLASSIFICATION, "--input", tmp_path / "in.parquet", "--output", tmp_path / "o.arrow").code == 0
    found = arrow.ipc.open_file((tmp_path / "o.arrow").read_bytes()).read_all()
    kept = ["id", "day", "tags"]
    assert found.select(kept).equals(table.select(kept))
    assert found.schema.names == [*kept, "label", "score", "truncated"]


def test_vectors_are_lists_of_float32_of_one_size(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [{"text": "a", "id": 1}, {"text": 5, "id": 2}, {"text": "good", "id": 3}])
    output = tmp_path / "out.parquet"
    assert (
        run(GOLDEN / "feature-extraction", "--input", path, "--output", output, "--errors", "skip").code == SOME_SKIPPED
    )
    table = parquet.read_table(output)
    with load(GOLDEN / "feature-extraction") as session:
        first = session("a").vector
    assert table.schema.field("vector").type == arrow.list_(arrow.float32(), len(first))
    assert table.column("vector")[0].as_py() == pytest.approx(first.tolist(), abs=1e-6)
    bad = table.to_pylist()[1]
    assert (bad["id"], bad["vector"], bad["line"], bad["code"], bad["field"]) == (2, None, 2, "wrong-type", "text")
    assert "text is 5 (int), expected a string" in bad["error"]


@pytest.mark.parametrize(
    ("head", "row", "column", "inner"),
    [
        (
            "token-classification",
            {"text": "the good film"},
            "entities",
            {"label", "score", "text", "start", "end", "index"},
        ),
        (
            "question-answering",
            {"question": "who?", "context": "the film"},
            "answers",
            {"text", "score", "start", "end"},
        ),
        ("fill-mask", {"text": "a [MASK] film"}, "masks", {"start", "end", "candidates"}),
        ("text-generation", {"prompt": "the film", "max_new_tokens": 3}, "sequences", None),
    ],
)
def test_lists_of_an_answer_are_lists_of_structs_and_json_in_csv(
    run: Run, tmp_path: Path, head: str, row: dict[str, Any], column: str, inner: set[str] | None
) -> None:
    path = write(tmp_path / "in.parquet", [{"id": 7, **row}])
    for suffix in ("parquet", "csv", "jsonl"):
        ran = run(GOLDEN / head, "--input", path, "--output", tmp_path / f"out.{suffix}")
        assert (ran.code, ran.err) == (0, "")
    (table,), (cells,), (line,) = (read(tmp_path / f"out.{suffix}") for suffix in ("parquet", "csv", "jsonl"))
    assert table == line
    assert json.loads(cells[column]) == line[column]
    assert inner is None or set(table[column][0]) == inner


def test_columns_are_named_chosen_and_renamed(run: Run, tmp_path: Path) -> None:
    rows = [{"id": 1, "first": "a", "second": "b", "label": "gold", "text": "other"}]
    path, output = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    flags = ("--input", path, "--output", output, "--text-column", "first", "--column", "text_pair=second")
    assert run(CLASSIFICATION, *flags).code == 0
    assert list(read(output)[0]) == ["id", "input_label", "text", "label", "score", "truncated"]
    assert read(output)[0]["input_label"] == "gold"
    assert run(CLASSIFICATION, *flags, "--columns", "score,id,first,labels,input_label").code == 0
    (chosen,) = read(output)
    assert list(chosen) == ["score", "id", "first", "labels", "input_label"]
    assert (len(chosen["labels"]), chosen["input_label"], chosen["first"]) == (3, "gold", "a")
    with load(CLASSIFICATION) as session:
        assert chosen["score"] == pytest.approx(session({"text": "a", "text_pair": "b"}).score, abs=1e-6)


@pytest.mark.parametrize("target", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("source", ["jsonl", "csv", "parquet"])
def test_blank_lines_and_empty_cells_keep_their_row(run: Run, tmp_path: Path, source: str, target: str) -> None:
    path = tmp_path / f"in.{source}"
    if source == "jsonl":
        path.write_text('{"id": 1, "text": "a"}\n\n{"id": 3, "text": ""}\n')
    elif source == "csv":
        path.write_text("id,text\n1,a\n\n3,\n")
    else:
        parquet.write_table(arrow.table({"id": [1, None, 3], "text": ["a", None, ""]}), path)
    output = tmp_path / f"out.{target}"
    assert run(CLASSIFICATION, "--input", path, "--output", output, "--text-column", "text").code == 0
    first, blank, empty = read(output)
    assert [str(row.get("id") or "") for row in (first, blank, empty)] == ["1", "", "3"]
    assert all(row["label"] in ("bad", "good", "neither") for row in (first, empty))
    assert (blank["label"] or None) is None or source == "csv"  # there a blank line is a row of empty cells


def test_bad_rows_keep_what_is_passed_on_and_their_reason(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"id,text\n1,a\n2,\xff\n3,b,c\n4,good\n")
    output = tmp_path / "out.parquet"
    ran = run(CLASSIFICATION, "--input", path, "--output", output, "--errors", "skip")
    assert (ran.code, "2 of 4 lines skipped" in ran.err) == (SOME_SKIPPED, True)
    rows = read(output)
    assert [row["line"] for row in rows] == [None, 3, 4, None]
    assert [row["code"] for row in rows] == [None, "not-utf8", "wrong-shape", None]
    assert [row["label"] is None for row in rows] == [False, True, True, False]


def test_a_failure_leaves_a_readable_part(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [*({"text": "a", "id": i} for i in range(1500)), {"text": 5, "id": -1}])
    ran = run(CLASSIFICATION, "--input", path, "--output", tmp_path / "out.parquet")
    assert (ran.code, (tmp_path / "out.parquet").exists()) == (2, False)
    assert "in.jsonl line 1501: text is 5 (int)" in ran.err
    assert [row["id"] for row in parquet.read_table(tmp_path / "out.parquet.part").to_pylist()] == list(range(1500))
    shown = sorted(each.name for each in tmp_path.iterdir() if not each.name.startswith("."))
    assert shown == ["in.jsonl", "out.parquet.part"]


def test_a_folder_and_a_glob_are_read_in_the_order_of_their_names(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    write(folder / "b.jsonl", [{"id": 2, "text": "b"}, {"id": 3, "text": 5}])
    write(folder / "a.csv", [{"id": 1, "text": "a"}])
    write(folder / "deep/c.parquet", [{"id": 4, "text": "c"}])
    (folder / "_SUCCESS").write_text("")
    (folder / "notes.txt").write_text("")
    output = tmp_path / "out.jsonl"
    ran = run(
        CLASSIFICATION,
        "--input",
        folder,
        "--output",
        output,
        "--text-column",
        "text",
        "--errors",
        "skip",
    )
    assert ran.code == SOME_SKIPPED
    rows = read(output)
    assert [int(row["id"]) for row in rows] == [1, 2, 3, 4]
    assert (rows[2]["file"], rows[2]["line"]) == (str(folder / "b.jsonl"), 2)
    assert f"skipped {folder / 'b.jsonl'} line 2: text is 5 (int)" in ran.err
    assert run(CLASSIFICATION, "--input", folder / "*.csv", "--output", output, "--text-column", "text").code == 0
    assert [row["id"] for row in read(output)] == ["1"]


@pytest.mark.parametrize("name", ["in.csv", "in.tsv", "in.parquet", "in.arrow"])
def test_a_table_needs_no_flag(run: Run, tmp_path: Path, name: str) -> None:
    """Columns of the task's own names are read, every other one is passed on, and the output is flat."""
    rows = [{"id": "7", "question": "who?", "context": "the film", "note": "x"}]
    output = tmp_path / "out.csv"
    ran = run(GOLDEN / "question-answering", "--input", write(tmp_path / name, rows), "--output", output)
    assert (ran.code, ran.err) == (0, "")
    (row,) = read(output)
    assert list(row) == ["id", "note", "answers", "no_answer_score", "no_answer_margin", "question_truncated"]
    assert (row["id"], row["note"], json.loads(row["answers"])[0].keys()) == ("7", "x", ANSWER)
    classified = write(tmp_path / f"texts{Path(name).suffix}", [{"id": "7", "text": "a good film"}])
    assert run(CLASSIFICATION, "--input", classified, "--output", output).code == 0
    assert list(read(output)[0]) == ["id", "label", "score", "truncated"]


@pytest.mark.parametrize("name", ["in.csv", "in.tsv", "in.jsonl", "in.parquet", "in.arrow"])
def test_a_column_that_is_almost_an_optional_field_is_named(run: Run, tmp_path: Path, name: str) -> None:
    for column in ("text_pari", "Text-Pair", "textpair"):
        path = write(tmp_path / name, [{"id": "1", "text": "a", column: "b"}])
        flags = ("--input", path, "--output", tmp_path / "out.csv")
        ran = run(CLASSIFICATION, *flags)
        assert (ran.code, f"the column '{column}' is almost the field 'text_pair'" in ran.err) == (2, True)
        assert f"--column text_pair={column}" in ran.err
        assert run(CLASSIFICATION, *flags, "--column", f"text_pair={column}").code == 0
        assert "b" not in read(tmp_path / "out.csv")[0].values()
        for meant in (("--columns", f"{column},label"), ("--allow-extra",)):
            assert run(CLASSIFICATION, *flags, *meant).code == 0
            assert read(tmp_path / "out.csv")[0][column] == "b"


def test_columns_that_are_no_misspelling_are_passed_on(run: Run, tmp_path: Path) -> None:
    names = ("text_id", "text_len", "title", "topic", "top", "thread", "source")
    path = write(tmp_path / "in.csv", [{"text": "a", **dict.fromkeys(names, "x")}])
    ran = run(CLASSIFICATION, "--input", path)
    assert (ran.code, list(json.loads(ran.out))) == (0, [*names, "label", "score", "truncated"])


def test_json_lines_hold_the_tasks_own_json_and_name_other_fields(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [{"id": 1, "text": "a"}])
    ran = run(CLASSIFICATION, "--input", path)
    assert (ran.code, "unknown field 'id'" in ran.err) == (2, True)
    assert "--allow-extra leaves other fields alone, and --text-column or --column passes them on" in ran.err
    ran = run(CLASSIFICATION, "--input", path, "--text-column", "text")
    assert list(json.loads(ran.out)) == ["id", "label", "score", "truncated"]
    assert list(json.loads(run(CLASSIFICATION, "--input", path, "--allow-extra").out)) == ["labels", "truncated"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.tsv", "in.csv.gz", "in.jsonl.zst"])
def test_a_byte_order_mark_tells_the_encoding(run: Run, tmp_path: Path, name: str, encoding: str) -> None:
    """As Windows saves texts. A row that is broken in UTF-16 spoils no other."""
    texts = ["a good film", "é 😀", "ॐ\u2028 film"] * 400
    plain = write(
        tmp_path / f"plain.{name.partition('.')[2]}", [{"id": f"{i}", "text": t} for i, t in enumerate(texts)]
    )
    kind = name.partition(".")[2].split(".")
    raw = plain.read_bytes()
    if len(kind) > 1:
        raw = gzip.decompress(raw) if kind[1] == "gz" else arrow.CompressedInputStream(io.BytesIO(raw), "zstd").read()
    marked = ("\ufeff" + raw.decode()).encode(encoding)
    packed = {"gz": gzip.compress, "zst": lambda each: arrow.Codec("zstd").compress(each, asbytes=True)}
    (tmp_path / name).write_bytes(packed[kind[1]](marked) if len(kind) > 1 else marked)
    outputs = []
    for path in (plain, tmp_path / name):
        ran = run(CLASSIFICATION, "--input", path, "--output", tmp_path / "out.jsonl", "--text-column", "text")
        assert (ran.code, ran.err) == (0, "")
        outputs.append((tmp_path / "out.jsonl").read_bytes())
    assert outputs[0] == outputs[1]


def test_utf_16_without_a_byte_order_mark_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes('{"text": "a"}'.encode("utf-16-le"))
    ran = run(CLASSIFICATION, "--input", tmp_path / "in.jsonl")
    assert (ran.code, "line 1: byte 2 of the line is NUL, expected text; save the file as UTF-8" in ran.err) == (
        2,
        True,
    )


def test_half_a_surrogate_pair_spoils_its_own_row(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("\ufefftext\na\n\ud800\nb\n".encode("utf-16-le", "surrogatepass"))
    ran = run(CLASSIFICATION, "--input", tmp_path / "in.csv", "--errors", "skip")
    assert ran.code == SOME_SKIPPED
    assert [json.loads(line).get("code") for line in ran.out.splitlines()] == [None, "not-utf8", None]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_separator_of_a_csv_is_found_in_its_header(run: Run, tmp_path: Path, separator: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(separator.join(("id", "text")) + "\n" + separator.join(("1", '"a, b"')) + "\n")
    ran = run(CLASSIFICATION, "--input", path, "--text-column", "text")
    assert (ran.code, json.loads(ran.out)["id"]) == (0, "1")


@pytest.fixture
def memory() -> Iterator[Any]:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/data", recursive=True)


def test_urls_of_fsspec_are_read_and_written(run: Run, tmp_path: Path, memory: Any) -> None:
    for name in ("a.csv", "b.csv.gz"):
        memory.pipe(f"/data/in/{name}", write(tmp_path / name, [{"id": name, "text": "a"}]).read_bytes())
    for source, count in (("memory://data/in", 2), ("memory://data/in/*.gz", 1)):
        flags = ("--input", source, "--output", "memory://data/out/answers.parquet", "--text-column", "text")
        ran = run(CLASSIFICATION, *flags)
        assert (ran.code, ran.err) == (0, "")
        assert parquet.read_table(io.BytesIO(memory.cat("/data/out/answers.parquet"))).num_rows == count


@pytest.mark.parametrize(("url", "extra"), [("s3://bucket/a.csv", "data,s3"), ("gs://bucket/a.csv", "data,gs")])
def test_a_protocol_without_its_package_names_the_extra(run: Run, url: str, extra: str, monkeypatch: Any) -> None:
    for package in ("s3fs", "gcsfs"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    ran = run(CLASSIFICATION, "--input", url)
    assert (ran.code, f"install 'bert-export[{extra}]'" in ran.err, len(ran.err.splitlines())) == (2, True, 1)


def test_without_pyarrow_the_extra_is_named_and_text_works(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    path, table = write(tmp_path / "in.csv"), write(tmp_path / "in.parquet")
    for package in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    ran = run(CLASSIFICATION, "--input", table, "--text-column", "body")
    assert (ran.code, "Parquet and Arrow needs pyarrow" in ran.err) == (2, True)
    assert "install 'bert-export[data]'" in ran.err
    output = tmp_path / "out.jsonl.gz"
    assert run(CLASSIFICATION, "--input", path, "--output", output, "--text-column", "body").code == 0
    assert len(gzip.decompress(output.read_bytes()).splitlines()) == len(ROWS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1 and no more", "the file is no whole parquet"),
        ("a.arrow", b"ARROW1 and no more", "the file is no whole arrow"),
        ("a.jsonl.gz", b"text", "the file is not whole gzip"),
        ("a.csv.gz", gzip.compress(b"text\na\n", mtime=0)[:-6], "the file is not whole gzip"),
        ("a.csv.zst", b"text", "the file is not whole zstd"),
        ("a.jsonl", b"PAR1\0", "the file is in Parquet"),
        ("a.csv", "text\na\n".encode("utf-16")[:-1], "the file in UTF-16 ends within a character"),
        ("a.csv", "text\na\n".encode("utf-32"), "the file is in UTF-16, expected UTF-8"),
        ("a.tsv", b"id;text\n1;a\n", "the column 'text' is missing; the columns are 'id;text'"),
        ("a.csv", b"id,body\n1,a\n", "say which holds it with --column text=COLUMN"),
    ],
)
def test_a_file_that_is_not_what_it_seems_is_named(
    run: Run, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    output = tmp_path / "out.tsv"
    ran = run(CLASSIFICATION, "--input", tmp_path / name, "--output", output)
    assert (ran.code, message in ran.err, output.exists()) == (2, True, False)
    assert f"{tmp_path / name}: " in ran.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--columns", "id,scores"), "--columns: got 'scores', which neither the input nor an answer has"),
        (("--column", "text_pair=none"), "the column 'none' is missing"),
        (("--column", "text_pair=id"), "the column 'id' has the type int64, expected text for text_pair"),
        (("--text-column", "body", "--column", "text=id"), "the field 'text' is named twice"),
        (("--with-input",), "--with-input is for JSON objects"),
    ],
)
def test_columns_that_cannot_be_are_explained_before_anything_runs(
    run: Run, tmp_path: Path, flags: tuple[str, ...], message: str
) -> None:
    path = write(tmp_path / "in.parquet", [{"id": 1, "text": "a", "body": "b"}])
    ran = run(CLASSIFICATION, "--input", path, *flags)
    assert (ran.code, message in ran.err, ran.out) == (2, True, b"")


def test_a_column_that_only_a_late_row_has_is_that_rows_error(run: Run, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        *({"text": "a", "n": 1} for _ in range(1200)),
        {"text": "a", "n": 1, "new": 2},
        {"text": "a", "n": "x"},
    ]
    output = tmp_path / "out.parquet"
    ran = run(
        CLASSIFICATION,
        "--input",
        write(tmp_path / "in.jsonl", rows),
        "--output",
        output,
        "--errors",
        "skip",
    )
    assert ran.code == SOME_SKIPPED
    assert [row["code"] for row in read(output)[-3:]] == [None, "new-column", "wrong-type"]
