"""The flags for files of requests, their columns, and a cluster that answers them."""

from __future__ import annotations

import argparse
import dataclasses

from bert_runtime.cli.data.formats import FORMATS
from bert_runtime.cli.files import ENGINES, ERRORS, Files
from bert_runtime.cli.parser import number, whole_number
from bert_runtime.errors import InputError

FILES = """\
Rows are answered in their order and in constant memory, in batches of similar length; what comes through a pipe
is answered and written whenever the next row is not there yet. JSON Lines (.jsonl, .ndjson): an object a line.
CSV and TSV: a header with names; an empty cell takes the field's default; lists and objects are JSON in their cell.
Parquet and Arrow IPC (.arrow, .feather) need the extra data. Texts may be packed (.gz, .zst). FILE is a path, a
folder, a glob, or a URL of fsspec such as s3://. A blank line keeps its row. An output file appears under its name
once it is whole, in place of an older one; after a failure, what was answered is in FILE.part, and --resume goes on."""
COLUMNS = """\
In CSV, TSV, Parquet and Arrow, and in JSON Lines with any of these flags, a row is flat: the columns that no field
takes are passed on, the answer's follow (label, score; vectors, entities and answers as one column), those of a bad row
come last. A column that both have is passed on as input_NAME. One that is almost an optional field is refused."""


def add_file_flags(parser: argparse.ArgumentParser) -> None:
    """Every flag that needs --input."""
    files = parser.add_argument_group("many requests", FILES)
    formats, extension = tuple(FORMATS), "default: by extension; jsonl for -"
    files.add_argument("--input", metavar="FILE", help="read requests from FILE; - is standard input")
    files.add_argument("--output", metavar="FILE", help="write answers to FILE; - is standard output (default)")
    files.add_argument("--input-format", choices=formats, help=extension)
    files.add_argument("--output-format", choices=formats, help=extension)
    files.add_argument("--resume", action="store_true", help="go on after the last checkpoint of the same run, if any")
    files.add_argument("--with-input", action="store_true", help="repeat each line's own fields as `request`, in JSON")
    files.add_argument("--allow-extra", action="store_true", help="refuse no field that the task does not know")
    files.add_argument(
        "--errors",
        choices=ERRORS,
        default="fail",
        help="fail (default): stop at the first line that cannot be answered, with all before it answered; skip: write "
        '{"error", "code", "field", "line"} in its place; both name the line on standard error',
    )
    _add_column_flags(parser)
    _add_cluster_flags(parser)


def _add_column_flags(parser: argparse.ArgumentParser) -> None:
    columns = parser.add_argument_group("columns of data files", COLUMNS)
    columns.add_argument("--text-column", metavar="COLUMN", help="the column that holds the text")
    columns.add_argument(
        "--column",
        action="append",
        metavar="FIELD=COLUMN",
        help="the column of another field of the request; may be given several times",
    )
    columns.add_argument(
        "--columns", metavar="NAMES", help="those of the output, with commas between: of the input, and of answers"
    )


def _add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    cluster = parser.add_argument_group(
        "a cluster",
        "With --engine ray, actors of Ray Data answer (the extra ray): Parquet or JSON Lines in, a folder of parts "
        "out. Bad rows of --errors skip are in it, and once more in its _bad_rows.jsonl.",
    )
    cluster.add_argument("--engine", choices=ENGINES, default="local", help="where rows are answered (default: local)")
    cluster.add_argument("--id-column", metavar="COLUMN", help="by which Ray remembers what is done, for --resume")
    cluster.add_argument("--workers", type=whole_number, metavar="N", help="default: as many as there is room for")
    cluster.add_argument("--worker-cpus", type=number, metavar="N", default=1.0, help="of each (default: 1)")
    cluster.add_argument(
        "--worker-gpus", type=number, metavar="N", default=0.0, help="of each, or a share (default: 0)"
    )


def given_files(parsed: argparse.Namespace) -> Files | None:
    """The files that the flags name; None for one request by flags.

    Raises:
        InputError: flags for files without --input, or files that contradict each other.
    """
    names = [field.name for field in dataclasses.fields(Files)]
    given = {name: getattr(parsed, name) for name in names if getattr(parsed, name) not in (None, False)}
    if "columns" in given:
        given["columns"] = tuple(name.strip() for name in parsed.columns.split(",") if name.strip())
    if "column" in given:
        given["column"] = tuple(parsed.column)
    if "input" in given:
        return Files(**given)
    usual = {"errors": "fail", "engine": "local"}
    alone = [f"--{name.replace('_', '-')}" for name in given if given[name] != usual.get(name)]
    if alone:
        raise InputError(f"got {', '.join(alone)} without --input FILE, expected requests from a file with it")
    return None
