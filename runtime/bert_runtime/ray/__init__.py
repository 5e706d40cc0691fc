"""Bulk work on Ray Data (the extra `ray`): actors that load a bundle once, and datasets that pass through them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bert_runtime.ray.datasets import predict
    from bert_runtime.ray.workers import Workers

__all__ = ["Workers", "predict"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: neither numpy nor Ray before that."""
    if name == "predict":
        from bert_runtime.ray.datasets import predict  # noqa: PLC0415

        return predict
    if name == "Workers":
        from bert_runtime.ray.workers import Workers  # noqa: PLC0415

        return Workers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
