"""The page: one file of HTML that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from markdown_it import MarkdownIt

from benchmarks.captions import circumstances, machine_line, title
from benchmarks.page.drawing import drawn
from benchmarks.page.figures import figures
from benchmarks.results import Result
from benchmarks.table import TABLES

STYLE = Path(__file__).with_name("style.css")
METHOD = Path(__file__).parents[1] / "README.md"
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def document(results: Sequence[Result]) -> str:
    """The results as a page, those of one machine under its name; benchmarks that nothing here knows are named."""
    known = [result for result in results if _is_known(result)]
    unknown = [result for result in results if not _is_known(result)]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>bert-export: benchmarks</title>",
        f"<style>{STYLE.read_text(encoding='utf-8')}</style>",
        "<h1>bert-export: benchmarks</h1>",
        "<p>How fast exported BERT heads run, how well they answer, and against what. "
        "Every figure is drawn from raw results that are kept; its numbers stand in the table beneath.</p>",
        *_contents(known),
        "<h2 id=how>How it is measured</h2>",
        MARKDOWN.render(method()),
    ]
    for name, group in groupby(known, key=lambda result: result.machine.name):
        own = list(group)
        parts.append(f'<h2 id="{name}">{escape(name)}</h2><p>{escape(machine_line(own[0].machine))}</p>')
        parts += [line for result in own for line in _section(result)]
    parts += _unknown(unknown)
    return "\n".join(parts) + "\n</html>\n"


def method(page: Path = METHOD) -> str:
    """What README.md says of how it is measured, up to its table of files."""
    found = re.search(r"^## How it is measured\n(.*?)(?=^\| file|^## )", page.read_text(encoding="utf-8"), re.M | re.S)
    if found is None:
        raise ValueError(f"{page.name} lacks the section 'How it is measured'")
    return found[1].strip()


def _is_known(result: Result) -> bool:
    return result.benchmark in TABLES or any(True for _ in figures(result))


def _anchor(result: Result) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{result.machine.name}-{result.benchmark}-{result.subject}".lower())


def _contents(results: Sequence[Result]) -> Iterator[str]:
    yield "<nav>"
    for name, group in groupby(results, key=lambda result: result.machine.name):
        items = "".join(f'<li><a href="#{_anchor(each)}">{escape(title(each))}</a></li>' for each in group)
        yield f'<p class="quiet"><a href="#{name}">{escape(name)}</a></p><ul>{items}</ul>'
    yield "</nav>"


def _section(result: Result) -> Iterator[str]:
    yield f'<h3 id="{_anchor(result)}">{escape(title(result))}</h3>'
    yield f'<p class="quiet">{escape(circumstances(result))}</p>'
    for each in figures(result):
        svg = drawn(each.figure, f"{_anchor(result)}-{each.name}", f"{each.title}. {each.explanation}")
        yield f"<figure><h4>{escape(each.title)}</h4><div>{svg}</div>"
        yield f"<figcaption>{escape(each.explanation)}</figcaption></figure>"
    table = TABLES.get(result.benchmark)
    if table is not None:
        html = MARKDOWN.render("\n".join(table(result.measurements)))
        yield html.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")


def _unknown(results: Sequence[Result]) -> Iterator[str]:
    if results:
        yield "<h2>Not shown</h2><p>Results of kinds that this page has neither a figure nor a table for:</p><ul>"
        for result in results:
            yield f"<li>{escape(result.machine.name)}: {escape(title(result))}</li>"
        yield "</ul>"
