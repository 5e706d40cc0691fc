"""Tables as people have them: `predict` answers each row of an Arrow table, or of a frame of pandas or polars.

The parts say which columns are read and written; `bert-run` uses them for its data files.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bert_runtime.table.frames import predict

__all__ = ["predict"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: the parts are used without a session, too."""
    if name != "predict":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bert_runtime.table.frames import predict  # noqa: PLC0415

    return predict
