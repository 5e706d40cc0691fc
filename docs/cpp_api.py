"""The page on the C++ API, from the comments and declarations of the public headers: a hook of mkdocs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

INCLUDE = Path(__file__).parents[1] / "runtime/cpp/include/bert_runtime"
PAGE = "api/cpp.md"
C_HEADER = "bert_runtime.h"
FIRST = ("loading.h", "session.h", "json_session.h", C_HEADER)
"""Headers that a reader meets first; the others follow by name."""

_HIDDEN = re.compile(r"^ (?:private|protected):.*?(?=^ public:|^\}|\Z)", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"\bBERT_RUNTIME_API ")


def headers() -> Sequence[str]:
    """The public headers, in the order of the page."""
    found = sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.rglob("*.h"))
    return [*FIRST, *(name for name in found if name not in FIRST)]


def declarations(source: str) -> Iterator[tuple[str, str]]:
    """Comment and code of each documented declaration of a namespace; without what is private, and without bodies."""
    lines = source.splitlines()
    i = 0
    while i < len(lines):
        comment = []
        while i < len(lines) and lines[i].startswith("///"):
            comment.append(lines[i].removeprefix("///").removeprefix(" "))
            i += 1
        if not comment:
            i += 1
            continue
        code, depth = [], 0
        while i < len(lines):
            code.append(lines[i])
            depth += lines[i].count("{") - lines[i].count("}")
            i += 1
            if depth == 0 and re.search(r"[;}]\s*(///<.*)?$", code[-1]):
                break
            if code[0].startswith("#define") and not code[-1].endswith("\\"):
                break
        yield "\n".join(comment), _shown("\n".join(code))


def _shown(code: str) -> str:
    """A declaration as its users need it."""
    code = _EXPORT.sub("", _HIDDEN.sub("", code))
    is_type = re.match(r"(?:template[^\n]*\n)?(?:class|struct|enum)\b", code)
    if not is_type and "{\n" in code:
        code = code.partition(" {\n")[0] + ";"
    return code


def render() -> str:
    """The page, in Markdown."""
    parts = ["# C++\n", "Each section is a public header of `bert_runtime/`.\n"]
    for name in headers():
        source = (INCLUDE / name).read_text(encoding="utf-8")
        parts.append(f"## {name}\n")
        if name == C_HEADER:
            inner = source.partition('extern "C" {\n#endif\n')[2].partition("#ifdef __cplusplus")[0]
            about = re.sub(r"^(/\*| \*/?) ?", "", source.partition("*/")[0], flags=re.MULTILINE).strip()
            parts += [f"{about}\n", f"```c\n{_EXPORT.sub('', inner).strip()}\n```\n"]
            continue
        parts.append(source.partition("\n")[0].removeprefix("// ") + "\n")
        for comment, code in declarations(source):
            parts += [f"{comment}\n", f"```cpp\n{code}\n```\n"]
    return "\n".join(parts)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by mkdocs for each page."""
    return render() if page.file.src_uri == PAGE else markdown
