"""Golden bundles that real texts break: one token gives NaN, and one is beyond the table of embeddings.

The engine answers a text that holds NOT_A_NUMBER with logits of NaN, and refuses a whole batch in which one text holds
BEYOND. Every other text has the golden bundle's own answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.bundles import write_bundle

from bert_runtime import bundle as bundles

if TYPE_CHECKING:
    import onnx

NOT_A_NUMBER, BEYOND = "z", "."
GOLDEN = Path(__file__).parent / "golden/v1"
DATA = "model.onnx.data"


def spoil(name: str, output: Path) -> Path:
    """A copy of the golden bundle `name` at `output`, with another table of embeddings in each of its graphs."""
    onnx = pytest.importorskip("onnx")

    golden = bundles.read(GOLDEN / name)
    tokenizer = json.loads((golden.directory / "tokenizer.json").read_text(encoding="utf-8"))
    nan, beyond = (tokenizer["model"]["vocab"][token] for token in (NOT_A_NUMBER, BEYOND))
    files: dict[str, bytes | Path] = {file: golden.directory / file for file in golden.manifest.files}
    data = bytearray((golden.directory / DATA).read_bytes()) if DATA in files else bytearray()
    for file in golden.manifest.files:
        if file.endswith(".onnx"):
            model = onnx.load(golden.directory / file, load_external_data=False)
            _spoil(_table(model), nan, beyond, data)
            files[file] = model.SerializeToString()
    if DATA in files:
        files[DATA] = bytes(data)
    return write_bundle(output, golden.manifest, files)


def _table(model: onnx.ModelProto) -> onnx.TensorProto:
    """What the token ids are looked up in. It is no decoder's weight as well, which would spoil every answer."""
    table: onnx.TensorProto
    (table,) = (tensor for tensor in model.graph.initializer if tensor.name.endswith("word_embeddings.weight"))
    return table


def _spoil(table: onnx.TensorProto, nan: int, beyond: int, data: bytearray) -> None:
    from onnx import numpy_helper

    width = 4 * table.dims[1]  # bytes of a row
    if table.external_data:
        place = {entry.key: entry for entry in table.external_data}
        begin = int(place["offset"].value) + nan * width
        data[begin : begin + width] = np.full(table.dims[1], np.nan, np.float32).tobytes()
        table.dims[0] = beyond
        place["length"].value = str(beyond * width)
        return
    rows = numpy_helper.to_array(table)[:beyond].copy()
    rows[nan] = np.nan
    table.CopyFrom(numpy_helper.from_array(rows, table.name))
