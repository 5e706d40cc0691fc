"""The page shows every result that is kept, needs nothing else, and names what it cannot show."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from benchmarks.captions import title
from benchmarks.machine import Machine
from benchmarks.page.__main__ import main
from benchmarks.page.document import document, method
from benchmarks.page.pictures import FOLDER, PICTURES, pictures
from benchmarks.results import Result, ResultsError, read_all, save
from benchmarks.table import TABLES

MACHINE = Machine("Some CPU", "6/1", ("avx2",), 2, 8, "3.11.7", "Linux x86_64", {"numpy": "2.0"}, "abc+", 0.5)
RACE = [
    {"batch": batch, "sequence": 32, "peer": peer, "baseline": "torch-eager", "rounds": [[float(batch)], [2.0]]}
    for peer in ("torch-eager", "a peer of tomorrow")
    for batch in (1, 8)
]


@pytest.fixture(scope="module")
def page() -> str:
    return document(list(read_all()))


def section(page: str, name: str) -> str:
    return page.split(f">{name}</h3>")[1].split("<h3", maxsplit=1)[0]


def test_the_page_has_a_section_for_every_result_with_its_numbers(page: str) -> None:
    for result in read_all():
        shown = page.split(f'id="{result.machine.name}">')[1]
        own = re.sub(r"<[^>]*>", "", unescape(section(shown, title(result))))
        assert result.machine.commit in own
        for line in TABLES[result.benchmark](result.measurements):
            cells = [cell.strip().strip("*") for cell in line.strip("|").split("|")] if line.startswith("|") else []
            assert all(cell in own for cell in cells if "---" not in cell), line


@pytest.mark.parametrize("kind", ["cpu_time", "int8_speed_2", "accuracy", "bulk", "generation"])
def test_kinds_that_can_be_drawn_are(page: str, kind: str) -> None:
    for result in read_all():
        if result.benchmark == kind:
            assert "<figure>" in section(page.split(f'id="{result.machine.name}">')[1], title(result))


def test_the_page_needs_no_network(page: str) -> None:
    assert not re.findall(r"<(script|link|img|iframe)\b|@import|url\((?!#)", page)


def test_the_ids_of_the_page_are_unique_and_its_links_lead_somewhere(page: str) -> None:
    ids = re.findall(r'\bid="?([^">\s]+)', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)', page)) <= set(ids)


def test_a_race_of_an_unknown_name_is_drawn_by_its_shape_and_other_kinds_are_named() -> None:
    results = [Result("race_of_tomorrow", "m", MACHINE, 2, RACE), Result("riddle", "m", MACHINE, 2, {"x": 1})]
    page = document(results)
    assert "a peer of tomorrow" in section(page, "race of tomorrow: m")
    assert "riddle: m" in page.split("Not shown")[1]
    assert "race of tomorrow" not in page.split("Not shown")[1]


def test_words_of_a_result_are_text_and_never_markup() -> None:
    evil = RACE + [{**each, "peer": "<script>alert(1)</script>"} for each in RACE]
    assert "<script" not in document([Result("latency", "<b>m</b>", MACHINE, 2, evil)])


def test_how_it_is_measured_stands_on_the_page(page: str) -> None:
    assert "Every engine runs in a process of its own" in method()
    assert "Every engine runs in a process of its own" in page


def test_every_broken_file_is_named_with_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = save("latency", "good", 2, RACE, tmp_path)
    (good.parent / "cut.json").write_text('{"benchmark": "lat', encoding="utf-8")
    record = json.loads(good.read_text(encoding="utf-8"))
    del record["machine"]
    (good.parent / "homeless.json").write_text(json.dumps(record), encoding="utf-8")
    (good.parent / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ResultsError):
        list(read_all(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["--results", str(tmp_path), "--output", str(tmp_path / "page.html")])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "3 broken files" in told
    assert all(name in told for name in ("cut.json", "homeless.json", "list.json"))
    assert "good" not in told
    assert not (tmp_path / "page.html").exists()


def test_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--results", str(tmp_path), "--output", str(tmp_path / "page.html")])
    assert ended.value.code == 2
    assert "holds no results" in capsys.readouterr().err


def test_the_command_writes_a_page_of_a_folder_of_ones_own(tmp_path: Path) -> None:
    save("latency", "model", 2, RACE, tmp_path)
    main(["--results", str(tmp_path), "--output", str(tmp_path / "deep" / "page.html")])
    assert "latency: model" in (tmp_path / "deep" / "page.html").read_text(encoding="utf-8")


def test_the_pictures_are_those_of_the_results_that_are_kept() -> None:
    made = dict(pictures(read_all()))
    assert made.keys() == PICTURES.keys()
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    assert kept == made
