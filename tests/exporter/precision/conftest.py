"""The traced graphs that the tests of the passes use."""

from tests.exporter.passes.conftest import graph, model

__all__ = ["graph", "model"]
