"""Tables of Arrow, pandas and polars: rows as requests, and answers as columns of the same kind of table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from bert_runtime import bundle as bundles
from bert_runtime.errors import InputError, ItemError
from bert_runtime.hub import located
from bert_runtime.lines import BlankError
from bert_runtime.loading import start_session
from bert_runtime.options import Options
from bert_runtime.pauses import Pause
from bert_runtime.session import BULK_LOOKAHEAD, Session
from bert_runtime.table.answers import answer_columns
from bert_runtime.table.arrow import arrow_array, arrow_type
from bert_runtime.table.arrow_rows import arrow_rows, check_schema
from bert_runtime.table.column_map import ColumnMap, named_columns
from bert_runtime.table.extras import pyarrow
from bert_runtime.table.layout import FAULT, Layout, Origin, Slot, check_chosen, values
from bert_runtime.table.rows import Row
from bert_runtime.table.stream import answers, cut
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Task

TableT = TypeVar("TableT")


def predict(
    table: TableT,
    bundle: Session[Any, Any] | str | Path,
    text: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    output: Sequence[str] = (),
    errors: Literal["raise", "return"] = "raise",
) -> TableT:
    """Answer each row of a table; the answers are columns of a table of the same kind.

    What no field of a request reads is passed on, without a copy; the answer's columns follow: `label` and `score`,
    `vector` as a fixed-size list of float32, entities and answers as lists of structs.

    Args:
        table: a pyarrow Table or RecordBatch, or a DataFrame of pandas or polars.
        bundle: a session, or what `load` takes; it is then loaded for this table, in throughput mode.
        text: the column that holds the text; None: `text`.
        columns: field -> column, for any other field of the task's request.
        output: the columns of the result, of the table's and of the answer's; none for all.
        errors: raise: the first row that cannot be answered ends it; return: its answer is null, and the columns
            `error`, `code`, `field` and `line`, the row's number from 1, say why.

    Raises:
        InputError: pyarrow is missing, columns are, or a row cannot be answered; ItemError.index is its place.
        BackendError: the engine failed.
        BundleError: the bundle breaks its format.
    """
    if errors not in ("raise", "return"):
        raise InputError(f"errors is {errors!r}, expected 'raise' or 'return'")
    given, back = to_arrow(table)
    opened = nullcontext(bundle) if isinstance(bundle, Session) else load_for_bulk(bundle)
    with opened as session:
        plan = TablePlan(session, Asked(text, columns or {}, tuple(output), errors == "return"))
        made: TableT = back(answered(session, given, plan))
    return made


def load_for_bulk(path: str | Path) -> Session[Any, Any]:
    """A bundle, for many rows at once."""
    bundle = bundles.read(located(path))
    return start_session(bundle, bulk_options(find_task(bundle.manifest.task), Options()))


def bulk_options(task: Task[Any, Any, Any], options: Options) -> Options:
    """Throughput mode, or latency mode where each token of an answer waits for the one before."""
    return replace(options, mode="latency" if task.is_autoregressive else "throughput")


@dataclass(frozen=True)
class Asked:
    """What of a table is read and written; see `predict`.

    Attributes:
        text, columns, output: its arguments.
        keeps_bad: whether a bad row is a null with a reason.
        defaults: fields for rows that lack them.
    """

    text: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    output: tuple[str, ...] = ()
    keeps_bad: bool = False
    defaults: Mapping[str, object] = field(default_factory=dict)


class TablePlan:
    """Which columns a table's requests read, and which its answers have."""

    def __init__(self, session: Session[Any, Any], asked: Asked) -> None:
        """Raises InputError for names that cannot be."""
        faults = FAULT if asked.keeps_bad else ()
        check_chosen(asked.output, faults)
        self.keeps_bad = asked.keeps_bad
        self.layout = Layout(answer_columns(session), asked.output or None, faults)
        pairs = [f"{field}={column}" for field, column in asked.columns.items()]
        named = named_columns(session.task, asked.text, pairs)
        self.columns = ColumnMap(session.task.request, named, asked.defaults, True, False, self.layout.wanted)

    def slots(self, names: Sequence[str]) -> tuple[Slot, ...]:
        """The result's columns for a table with these."""
        return self.layout.slots(self.columns.passed(names))


def answered(session: Session[Any, Any], table: Any, plan: TablePlan) -> Any:
    """The table of answers to an Arrow table; see `predict`."""
    arrow = pyarrow("a table")
    check_schema(table.schema, plan.columns)
    slots = plan.slots(table.schema.names)
    kept: list[tuple[Row, Any]] = []
    for row, answer in answers(session, _rows(table, plan.columns), _nothing):
        if isinstance(answer, ItemError) and not (plan.keeps_bad or isinstance(row.content, BlankError)):
            raise answer.at(row.number - 1)
        kept.append((Row(row.number, row.content, {}), answer))
    own = [slot for slot in slots if slot.origin is not Origin.INPUT]
    made = {slot.name: _array(slot, kept) for slot in own}
    arrays = [made[slot.name] if slot.name in made else table.column(slot.source) for slot in slots]
    return arrow.table(dict(zip([slot.name for slot in slots], arrays, strict=True)))


def to_arrow(table: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A table as Arrow has it, and the way back to its own kind.

    Raises:
        InputError: it is no table.
    """
    arrow = pyarrow("a table")
    if isinstance(table, arrow.Table):
        return table, lambda found: found
    if isinstance(table, arrow.RecordBatch):
        return arrow.Table.from_batches([table]), _to_batch
    kind = type(table).__module__.partition(".")[0]
    if kind == "pandas":
        whole = arrow.Table.from_pandas(table, preserve_index=False)

        def to_pandas(found: Any) -> Any:
            frame = found.to_pandas()
            frame.index = table.index
            return frame

        return whole, to_pandas
    if kind == "polars" and hasattr(table, "to_arrow"):
        return table.to_arrow(), type(table)
    wanted = "a pyarrow Table or RecordBatch, or a DataFrame of pandas or polars"
    raise InputError(f"table is a {type(table).__module__}.{type(table).__name__}, expected {wanted}")


def _to_batch(table: Any) -> Any:
    arrays = [column.combine_chunks() for column in table.columns]
    return pyarrow("a table").RecordBatch.from_arrays(arrays, schema=table.schema)


def _rows(table: Any, columns: ColumnMap) -> Iterable[Row | Pause]:
    read = [name for name in table.schema.names if name in columns.columns]
    batches: Iterator[Any] = iter(table.select(read).to_batches(BULK_LOOKAHEAD))
    return cut(arrow_rows(batches, columns, 0), BULK_LOOKAHEAD)


def _array(slot: Slot, rows: Sequence[tuple[Row, Any]]) -> Any:
    assert slot.column is not None
    if not rows:
        return pyarrow().array([], arrow_type(slot.column.kind))
    return arrow_array(slot.column.kind, [values((slot,), row, answer)[slot.name] for row, answer in rows])


def _nothing() -> None:
    """A table never pauses."""
