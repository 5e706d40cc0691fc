"""Write `src/onnx_messages.h`: the fields of an ONNX file that a runtime lets pass, from bert_runtime/onnx_messages.py.

    python runtime/cpp/tools/make_onnx_messages.py [--check]

`--check` compares instead of writing. The Python table is read beside this file, whatever is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bert_runtime.onnx_messages import ALL
from bert_runtime.protobuf import BYTES, Field, Kind, Message

HEADER = Path(__file__).parents[1] / "src" / "onnx_messages.h"
WIDTHS = {Kind.INT64: 1, Kind.INT32: 1, Kind.FLOAT: 4, Kind.DOUBLE: 8}
TOP = f"""// The messages of an ONNX file that a BERT model's graph consists of: every field that a runtime lets pass.
//
// Made by tools/{Path(__file__).name} from bert_runtime/onnx_messages.py.
#pragma once

#include "protobuf.h"

namespace bert_runtime {{
"""


def main() -> int:
    """Write or compare the header; 1 where it differs."""
    if "--check" not in sys.argv[1:]:
        HEADER.write_text(text(), encoding="ascii")
        return 0
    if HEADER.read_text(encoding="ascii") == text():
        return 0
    print(f"{HEADER.name} is not what {Path(__file__).name} writes; run it", file=sys.stderr)
    return 1


def text() -> str:
    """The header."""
    tables = "\n".join(_table(message) for message in ALL)
    names = ", ".join(f"&{_constant(message.name)}" for message in ALL)
    index = f"inline constexpr const Message* kMessages[] = {{\n    {names}}};"
    about = "/// What `FieldRule::message` is an index into."
    return f"{TOP}\n{tables}\n{about}\n{index}\n\n}}  // namespace bert_runtime\n"


def _table(message: Message) -> str:
    fields = "".join(f"    {_field(number, field, message)},\n" for number, field in message.fields.items())
    return f'inline constexpr Message {_constant(message.name)}("{message.name}", {{\n{fields}}});\n'


def _field(number: int, field: Field, message: Message) -> str:
    """`{number, {wire types, once, 32 bits, width of packed numbers, message}}`."""
    index = [each.name for each in ALL].index(field.message) if field.message else -1
    once, narrow = str(not field.repeated).lower(), str(field.kind is Kind.INT32).lower()
    width = WIDTHS[field.kind] if field.repeated and field.kind.wire_type != BYTES else 0
    wire_types = sum(1 << rule.wire_type for rule in message.rules.values() if rule.number == number)
    return f"{{{number}, {{{wire_types}, {once}, {narrow}, {width}, {index}}}}}"


def _constant(name: str) -> str:
    return f"k{name.replace('.', '')}"


if __name__ == "__main__":
    sys.exit(main())
