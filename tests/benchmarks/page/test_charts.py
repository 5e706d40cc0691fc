"""Figures say what they were given: values where they belong, names that can be read, one colour for one engine."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from benchmarks.page.charts import Axis, Line, Look, Panel, Spread, lines, panels
from benchmarks.page.colours import colour_of
from benchmarks.page.drawing import drawn
from benchmarks.page.labels import spaced
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"


def a_figure() -> Figure:
    return lines(
        [Line("bert-export <fast>", [1, 2, 4], [10, 20, 40]), Line("torch eager", [1, 2, 4], [10, 21, 40.1])],
        Axis("rows", logarithmic=True),
        Axis("ms", logarithmic=True),
    )


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.2))
def test_labels_keep_their_order_and_their_distance(wanted: list[float], gap: float) -> None:
    places = spaced(wanted, gap)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert all(places[after] - places[before] >= gap - 1e-9 for before, after in pairwise(order))
    assert sum(places) == pytest.approx(sum(wanted))  # spread about where they belong, not pushed to one side


def test_labels_that_do_not_touch_stay_where_they_are() -> None:
    assert spaced([0.9, 0.1, 0.5], 0.2) == [0.9, 0.1, 0.5]


def test_a_figure_is_the_same_bytes_every_time_and_names_its_engines_in_text() -> None:
    svg = drawn(a_figure(), "one", "two lines")
    assert svg == drawn(a_figure(), "one", "two lines")
    assert {"bert-export <fast>", "torch eager", "rows", "ms"} <= set(texts(svg))


def test_figures_share_a_page_without_sharing_ids_and_refer_to_their_own() -> None:
    first, second = (ElementTree.fromstring(drawn(a_figure(), name, "")) for name in ("one", "two"))
    ids = [{element.attrib["id"] for element in svg.iter() if "id" in element.attrib} for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for own, svg in zip(ids, (first, second), strict=True):
        assert {element.attrib[XLINK][1:] for element in svg.iter() if XLINK in element.attrib} <= own


def test_text_takes_the_colour_of_the_page_around_it() -> None:
    svg = drawn(a_figure(), "one", "")
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert "#000000" not in svg


def test_a_bar_is_as_long_as_its_value_and_its_whisker_ends_at_its_quartiles() -> None:
    found = {"torch eager": Spread(1.0, 1.0, 1.0), "bert-export": Spread(2.0, 1.5, 2.5)}
    figure = panels([Panel("b1 s32", found, reference=1.0)], Look("times as fast"))
    (axes,) = figure.axes
    assert [patch.get_width() for patch in axes.patches] == [1.0, 2.0]  # type: ignore[attr-defined]
    ends = [collection.get_segments()[0][:, 0].tolist() for collection in axes.collections]  # type: ignore[attr-defined]
    assert ends == [[1.0, 1.0], [1.5, 2.5]]
    assert [text.get_text() for text in axes.texts] == ["1.00", "2.00"]


def test_a_number_does_not_lie_under_the_line_of_reference() -> None:
    figure = panels([Panel("", {"slow": Spread(0.95, 0.9, 0.97), "x": Spread(2, 2, 2)}, reference=1.0)], Look(""))
    assert figure.axes[0].texts[0].xy[0] == 1.0  # type: ignore[attr-defined]


def test_rows_are_the_same_in_every_panel_also_where_a_value_is_missing() -> None:
    both = [Panel("one", {"a": Spread(1, 1, 1), "b": Spread(2, 2, 2)}), Panel("two", {"b": Spread(3, 3, 3)})]
    figure = panels(both, Look(""))
    heights = [[patch.get_y() for patch in axes.patches] for axes in figure.axes]  # type: ignore[attr-defined]
    assert heights[0][1] == heights[1][0]


def test_engines_of_one_family_share_a_colour_and_families_differ() -> None:
    ours = {colour_of(name) for name in ("bert-export", "bert-export, cpu int8 performance", "bert-export fp32")}
    theirs = {
        colour_of(name)
        for name in ("torch eager", "OpenVINO, raw export", "ONNX Runtime, raw export", "bert-export, openvino bf16")
    }
    assert len(ours) == 1
    assert len(theirs | ours) == 5
    assert colour_of("an engine of tomorrow") == colour_of("an engine of tomorrow")
