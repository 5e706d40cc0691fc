"""No module imports itself through others, and no part of a package does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

import grimp
import pytest

PACKAGES = ("bert_runtime", "bert_calibration", "bert_export", "bert_serve")
Graph = Mapping[str, Set[str]]


def circles(imports: Graph) -> Iterator[tuple[str, ...]]:
    """What is left, if anything, once modules that import none of the others are taken away again and again."""
    left = dict(imports)
    while True:
        done = [module for module, imported in left.items() if not imported & left.keys()]
        if not done:
            break
        left = {module: imported for module, imported in left.items() if module not in done}
    if left:
        yield tuple(sorted(left))


def part(module: str) -> str:
    """The folder or file of its package that a module belongs to."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_is_circular(package: str) -> None:
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    assert len(graph.modules) > 20
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules if module != package}
    assert list(circles(imports)) == []
    parts: dict[str, set[str]] = {}
    for module, imported in imports.items():
        parts.setdefault(part(module), set()).update(part(each) for each in imported if part(each) != part(module))
    assert list(circles(parts)) == []


def test_a_circle_is_found() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()})) == [("a", "b", "c")]
