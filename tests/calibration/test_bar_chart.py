"""Bars are drawn to scale, and names cannot break the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bert_calibration.bar_chart import Bar, svg
from bert_calibration.sensitivity import Sensitivity, picture

SVG = "{http://www.w3.org/2000/svg}"


def widths(text: str) -> list[float]:
    return [float(rect.attrib["width"]) for rect in ET.fromstring(text).iter(f"{SVG}rect")][1:]


def test_bars_are_proportional_to_their_values() -> None:
    one, other, zero = widths(svg([Bar("a", 2.0), Bar("b", 1.0), Bar("c", 0.0)], "title"))

    assert one == 2 * other > 0
    assert zero == 0


def test_names_are_text_whatever_they_hold() -> None:
    texts = [text.text for text in ET.fromstring(svg([Bar("a<b>&", 1.0)], "x & y")).iter(f"{SVG}text")]

    assert texts[:2] == ["x & y", "a<b>&"]


def test_one_bar_for_each_site() -> None:
    assert len(widths(picture([Sensitivity("a", 1.0), Sensitivity("b", 0.5)], "error of the logits"))) == 2


def test_no_bars_are_an_empty_picture() -> None:
    assert widths(svg([], "nothing")) == []
