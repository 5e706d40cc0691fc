"""The pictures of the READMEs, made from the results that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page.drawing import drawn
from benchmarks.page.figures import figures
from benchmarks.results import Result

FOLDER = Path(__file__).parents[1] / "pictures"


@dataclass(frozen=True)
class Picture:
    """Which figure of which result is a picture."""

    benchmark: str
    subject: str
    figure: str


PICTURES: Mapping[str, Picture] = {
    "speed.svg": Picture("latency", "text-classification-bert-base-int8", "ratio"),
    "new-lengths.svg": Picture("new_lengths", "text-classification-bert-base", "new-lengths"),
    "pruning.svg": Picture("pruning", "text-classification-cpu", "pareto"),
    "bulk.svg": Picture("bulk", "text-classification-minilm-l6", "bulk"),
}


def pictures(results: Iterable[Result]) -> Iterator[tuple[str, str]]:
    """File name and content of every picture whose result there is; of several machines the last counts."""
    found = {(result.benchmark, result.subject): result for result in results}
    for file, picture in PICTURES.items():
        result = found.get((picture.benchmark, picture.subject))
        if result is None:
            continue
        for each in figures(result):
            if each.name == picture.figure:
                yield file, drawn(each.figure, Path(file).stem, f"{each.title}. {each.explanation}", alone=True)


def write_pictures(results: Sequence[Result], folder: Path = FOLDER) -> Iterator[Path]:
    """Write the pictures, and give their paths."""
    folder.mkdir(exist_ok=True)
    for file, svg in pictures(results):
        (folder / file).write_text(svg, encoding="utf-8")
        yield folder / file
