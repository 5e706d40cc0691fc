"""Answers in a dataset of Hugging Face: `python datasets_map.py BUNDLE IN.parquet OUT`; the text is in `body`."""

import sys
from pathlib import Path

import datasets
import pyarrow

import bert_runtime
from bert_runtime import Options
from bert_runtime.table import predict

bundle, source, target = sys.argv[1:]

with bert_runtime.load(bundle, options=Options(mode="throughput")) as session:

    def answer(batch: pyarrow.Table) -> pyarrow.Table:
        return predict(batch, session, text="body", output=("id", "label", "score"))

    rows = datasets.Dataset.from_parquet(source).with_format("arrow")
    answers = rows.map(answer, batched=True, batch_size=4096, remove_columns=["body"], new_fingerprint="answers")
    Path(target).mkdir()
    answers.to_parquet(f"{target}/part.parquet")
