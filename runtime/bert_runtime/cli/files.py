"""What `bert-run --input` was asked to read and write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bert_runtime.cli.data.formats import CELLS, OBJECTS, Format, format_of
from bert_runtime.cli.data.places import STANDARD, find_places, is_remote
from bert_runtime.cli.output_file import part_of
from bert_runtime.cli.standard_streams import IS_OUTPUT
from bert_runtime.errors import InputError

ERRORS, ENGINES = ("fail", "skip"), ("local", "ray")
CLUSTER = ("parquet", "jsonl")
"""The formats that Ray Data reads and writes here."""

SOME_SKIPPED = 3
"""The exit code where rows were skipped and others answered."""


@dataclass(frozen=True)
class Files:
    """Where requests are read and answers written.

    Attributes:
        input: a path, a folder, a glob, a URL of fsspec, or `-`: a standard stream.
        output: a path, a URL, or `-`.
        input_format, output_format: one of FORMATS; None goes by the extension.
        text_column: the column with the request's text.
        column: `field=column` for any other field.
        columns: the columns of the output; none for what is passed on of the input and the usual ones of an answer.
        with_input: whether the row's own fields stand beside its answer, as `request`.
        allow_extra: whether fields that the task does not know are ignored instead of refused.
        errors: fail or skip.
        resume: whether to go on after what an earlier run left.
        engine: local, or ray: the actors of a cluster, which write a folder.
        id_column: for ray, the column by which it remembers which rows are done.
    """

    input: str
    output: str = "-"
    input_format: str | None = None
    output_format: str | None = None
    text_column: str | None = None
    column: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    with_input: bool = False
    allow_extra: bool = False
    errors: str = "fail"
    resume: bool = False
    engine: str = "local"
    id_column: str | None = None

    def __post_init__(self) -> None:
        problems: list[str] = []
        checks = (self._input_problems, self._output_problems)
        for check in (ClusterFiles(self).problems,) if self.engine == "ray" else checks:
            try:
                problems += check()
            except InputError as error:
                problems += error.faults
        if self.engine == "local" and self.id_column:
            problems.append("--id-column is for --engine ray, expected --resume alone: it remembers places, not rows")
        if not problems and self.is_flat and self.with_input:
            problems.append("--with-input is for JSON objects, expected --columns to choose what rows pass on")
        if problems:
            raise InputError(problems)

    @property
    def is_flat(self) -> bool:
        """Whether rows have flat columns: those of tables have, and those of JSON Lines where a flag names some."""
        if self.engine == "ray" or self.text_column is not None or self.column or self.columns:
            return True
        objects = OBJECTS | CELLS if self.with_input else OBJECTS
        return any(each.name not in objects for each in (self.input_kind, self.output_kind))

    @property
    def input_kind(self) -> Format:
        """The format of the first file."""
        return format_of(find_places(self.input)[0].path, self.input_format)

    @property
    def output_kind(self) -> Format:
        """The format of the output."""
        return format_of(self.output, self.output_format)

    def _input_problems(self) -> Iterator[str]:
        target = Path(self.output)
        outputs = (target, part_of(target)) if target.name else ()
        for place in find_places(self.input):
            format_of(place.path, self.input_format)
            for path in outputs:
                is_local = place.path != STANDARD and not place.is_remote
                if is_local and path.is_file() and path.samefile(place.path):
                    yield f"--input and --output would both use {path}; name another output"
        if self.resume and not all(place.is_whole and place.path != STANDARD for place in find_places(self.input)):
            yield "--resume needs an input that can be read again, expected files"

    def _output_problems(self) -> Iterator[str]:
        if self.output.endswith("/") or Path(self.output).is_dir():
            hint = "the local engine writes one file, and --engine ray a folder of parts"
            yield f"--output {self.output} is a directory, expected a file: {hint}"
            return
        _ = self.output_kind
        if self.resume and (self.output in IS_OUTPUT or is_remote(self.output)):
            yield f"--resume needs an output beside which a checkpoint lies, expected a local file, got {self.output}"
        if self.output in IS_OUTPUT or is_remote(self.output):
            return
        if not Path(self.output).resolve().parent.is_dir():
            yield f"--output {self.output} is in a directory that does not exist; make it first"


@dataclass(frozen=True)
class ClusterFiles:
    """The same for a cluster: what Ray Data reads and writes."""

    files: Files

    @property
    def output_format(self) -> str:
        """Of the files in the output's folder."""
        return self.files.output_format or "parquet"

    @property
    def checkpoint(self) -> str:
        """Where Ray remembers which rows are done."""
        return self.files.output.rstrip("/") + ".checkpoint"

    def problems(self) -> Iterator[str]:
        """What is wrong with the flags."""
        files = self.files
        kinds = {format_of(place.path, files.input_format).name for place in find_places(files.input)}
        if len(kinds) > 1 or not kinds <= set(CLUSTER):
            yield f"--input holds {', '.join(sorted(kinds))}, expected for --engine ray one of {', '.join(CLUSTER)}"
        if self.output_format not in CLUSTER:
            yield f"--output-format is {self.output_format}, expected for --engine ray one of {', '.join(CLUSTER)}"
        if files.input == STANDARD or files.output in IS_OUTPUT:
            yield "got a standard stream for --engine ray, expected paths that every node reaches"
        if files.with_input or files.allow_extra:
            yield "--with-input and --allow-extra are for JSON objects, expected --columns: rows on Ray are flat"
        if files.resume and not files.id_column:
            yield "--resume on Ray needs --id-column: a column with a value of its own in each row"
        if files.id_column and files.columns and files.id_column not in files.columns:
            yield f"--columns leaves out {files.id_column!r}, which --id-column needs in the output"
        there = [path for path in (files.output, self.checkpoint) if Path(path).exists()]
        if there and not files.resume:
            yield f"{' and '.join(there)} exists already; go on with --resume, remove it, or name another output"


@dataclass(frozen=True)
class Outcome:
    """How many rows were answered and how many skipped, and how many of them an earlier run had done."""

    answered: int
    skipped: int
    resumed: int = 0

    @property
    def exit_code(self) -> int:
        """0: every row was answered; 3: some were; 2: there were rows, and none of them was."""
        if not self.skipped:
            return 0
        return SOME_SKIPPED if self.answered else 2
