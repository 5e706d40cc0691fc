"""A model repository for Triton out of bundles: tensors for its ONNX Runtime backend, texts for its Python backend."""

from __future__ import annotations

from bert_serve.triton.repository import TritonOptions, write_repository

__all__ = ["TritonOptions", "write_repository"]
