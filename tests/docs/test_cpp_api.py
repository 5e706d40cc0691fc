"""The page on the C++ API shows what the public headers document, and nothing that is private."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("cpp_api", ROOT / "docs/cpp_api.py")
assert _SPEC is not None
cpp_api = importlib.util.module_from_spec(_SPEC)
assert _SPEC.loader is not None
_SPEC.loader.exec_module(cpp_api)


def test_every_documented_declaration_of_the_headers_is_shown() -> None:
    page = cpp_api.render()
    files = sorted(cpp_api.INCLUDE.rglob("*.h"))
    assert len(files) > 20
    for file in files:
        source = file.read_text(encoding="utf-8")
        assert f"## {file.relative_to(cpp_api.INCLUDE).as_posix()}\n" in page
        for comment in re.findall(r"^/// (.+)$", source, re.MULTILINE):
            assert comment in page, (file.name, comment)
        for name in re.findall(r"^(?:class|struct) (?:BERT_RUNTIME_API )?(\w+)[^;]*\{$", source, re.MULTILINE):
            assert re.search(rf"^(class|struct) {name}\b", page, re.MULTILINE), name


def test_what_is_private_is_not_shown() -> None:
    page = cpp_api.render()
    assert "private:" not in page
    assert "protected:" not in page
    assert "session_;" not in page
    assert "BERT_RUNTIME_API" not in page.replace("BERT_RUNTIME_API_", "")


def test_a_template_is_shown_without_its_body() -> None:
    page = cpp_api.render()
    assert "auto load(const std::filesystem::path& path, const Options& options = {});" in page
    assert "using Loaded" not in page
