"""A plot is a whole SVG, and its points lie where their values put them."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.plot import HEIGHT, MARGIN, Line, svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_points_lie_in_proportion_to_their_values() -> None:
    picture = ElementTree.fromstring(svg([Line("a <b>", [0, 5, 10], [0, 50, 100])], "x", "y"))
    (line,) = picture.iter(f"{NAMESPACE}polyline")
    (x0, y0), (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.attrib["points"].split())
    assert (x0, y0) == (MARGIN, HEIGHT - MARGIN)
    assert (x1 - x0, y0 - y1) == ((x2 - x0) / 2, (y0 - y2) / 2)


def test_axes_have_a_few_round_numbers_from_zero_on() -> None:
    picture = ElementTree.fromstring(svg([Line("a", [0, 490], [0, 7.3])], "x", "y"))
    texts = [element.text for element in picture.iter(f"{NAMESPACE}text")]
    assert {"0", "100", "400"} <= set(texts)
    assert {"2", "4", "6"} <= set(texts)
    assert "8" not in texts
