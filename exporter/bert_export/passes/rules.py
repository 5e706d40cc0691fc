"""The two types of onnxscript's rewrite rules that it leaves untyped."""

from __future__ import annotations

from typing import Any

Operand = Any
"""A value of a pattern."""

Context = Any
"""What a rewrite builds its nodes with: a method for every operator, made up on demand."""
