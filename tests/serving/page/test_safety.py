"""No text or label of others becomes markup, and nothing comes from elsewhere."""

from __future__ import annotations

import dataclasses
import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.serving.conftest import GOLDEN, TASKS, Running, Start
from tests.serving.page.conftest import HOSTILE, OpenTab, Tab

import bert_serve
from bert_runtime.tasks import find_task

ROOT = Path(__file__).parents[3]
PAGE = Path(bert_serve.__file__).parent / "page"


@pytest.mark.parametrize("model", ["several", "entities"])
def test_a_hostile_text_and_label_stay_text(open_tab: OpenTab, unusual: Running, model: str) -> None:
    tab = open_tab(unusual)
    tab.choose(model)
    tab.fill("text", f"{HOSTILE} Ada in London")
    tab.answer()
    expect(tab.page.locator("#answer")).to_contain_text(HOSTILE)
    assert tab.page.locator("#answer img, #answer script").count() == 0
    assert tab.page.evaluate("globalThis.harmed") is None
    assert tab.complaints == []


def test_a_hostile_refusal_stays_text(tab: Tab) -> None:
    tab.choose("fill-mask")
    tab.fill("top_k", HOSTILE)
    tab.page.get_by_role("button", name="Answer").click()
    expect(tab.page.get_by_role("alert")).to_contain_text(HOSTILE)
    assert tab.page.evaluate("[globalThis.harmed, document.images.length]") == [None, 0]


def test_the_browser_itself_refuses_markup_out_of_a_string(tab: Tab) -> None:
    told = tab.page.evaluate(
        f"() => {{ try {{ document.body.innerHTML = {json.dumps(HOSTILE)}; }} catch (error) {{ return error.name; }} }}"
    )
    assert told == "TypeError"


def test_everything_comes_from_the_server_itself(open_tab: OpenTab, server: Running) -> None:
    tab = open_tab(server)
    tab.page.reload()
    tab.answer()
    tab.page.reload()
    assert {request.url.partition("/page")[0].partition("/v1")[0].rstrip("/") for request in tab.asked} == {server.url}
    assert tab.complaints == []


def test_the_files_are_safe_whole_and_asked_for_again_each_time(server: Running) -> None:
    for path in ("/", *(f"/page/{file.name}" for file in PAGE.iterdir())):
        reply = server.get(path)
        assert reply.status == 200, path
        assert reply.headers["x-content-type-options"] == "nosniff"
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "unsafe" not in policy
        assert server.get(path, {"if-none-match": reply.headers["etag"]}).status == 304
    source = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "<style" not in source
    assert "style=" not in source
    assert "://" not in source


def test_the_page_is_small_on_its_way(server: Running) -> None:
    sizes = {"js": 0, "css": 0}
    for file in PAGE.iterdir():
        reply = server.get(f"/page/{file.name}", {"accept-encoding": "br, gzip"})
        assert gzip.decompress(reply.body) == file.read_bytes()
        sizes[file.suffix[1:]] = sizes.get(file.suffix[1:], 0) + len(reply.body)
    assert sizes["js"] < 12_000
    assert sum(sizes.values()) < 20_000


def test_other_addresses_are_as_before(server: Running) -> None:
    for method, path, status in (
        ("GET", "/page/../app.py", 404),
        ("GET", "/page/%2e%2e%2fapp.py", 404),
        ("GET", "/page/", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/page/main.js", 405),
        ("GET", "/v1/models/text-classification:predict", 405),
        ("DELETE", "/", 405),
    ):
        reply = server.ask(method, path)
        assert (reply.status, "error" in reply.json) == (status, True), (method, path)


def test_with_keys_the_page_is_open_and_nothing_else(start: Start) -> None:
    running = start(str(GOLDEN / "text-classification"), environment={"BERT_SERVE_API_KEYS": "a-key-of-a-person"})
    assert running.get("/").status == 200
    assert all(running.get(f"/page/{file.name}").status == 200 for file in PAGE.iterdir())
    for path in ("/page/nothing", "/v1/models", "/openapi.json", "/metrics", "//"):
        assert running.get(path).status == 401, path
    assert running.post("/", {"inputs": "a"}).status == 401


def test_the_wheel_brings_the_page(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"bert_serve/page/{file.name}" for file in PAGE.iterdir()} <= set(names)


def test_fields_and_defaults_of_the_page_are_those_of_the_requests() -> None:
    tasks = json.loads((PAGE / "tasks.json").read_text(encoding="utf-8"))
    assert set(tasks) == set(TASKS)
    for name, task in tasks.items():
        fields = {field.name: field for field in dataclasses.fields(find_task(name).request)}
        wanted = {each["name"] for each in (*task["fields"], *task["options"])}
        assert wanted - fields.keys() <= {"texts"}, name
        for option in task["options"]:
            default = fields[option["name"]].default
            assert option["value"] == ("" if default is None else default), (name, option["name"])
        for example in task["examples"]:
            assert example.keys() <= wanted, name
