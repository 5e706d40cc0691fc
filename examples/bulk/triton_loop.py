"""Answers of Triton or bert-serve: `python triton_loop.py HOST:PORT MODEL IN.parquet OUT`; the text is in `body`."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow
import tritonclient.http as triton
from pyarrow import parquet

address, model, source, target = sys.argv[1:]
client, answers = triton.InferenceServerClient(address), []
for batch in parquet.ParquetFile(source).iter_batches(batch_size=16):
    texts = np.array([[text.encode()] for text in batch.column("body").to_pylist()], dtype=np.object_)
    tensor = triton.InferInput("text", texts.shape, "BYTES")
    tensor.set_data_from_numpy(texts)
    found = client.infer(model, [tensor]).as_numpy("answer")
    best = [json.loads(answer)["labels"][0] for answer in found.reshape(-1)]
    answers += [{"id": i.as_py(), **label} for i, label in zip(batch.column("id"), best, strict=True)]
Path(target).mkdir()
parquet.write_table(pyarrow.Table.from_pylist(answers), f"{target}/part.parquet")
