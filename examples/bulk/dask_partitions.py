"""Answers in Dask: `python dask_partitions.py BUNDLE IN.parquet OUT`; the text is in the column `body`."""

import sys
from functools import cache
from typing import Any

import dask.dataframe
import pandas

import bert_runtime
from bert_runtime import Options
from bert_runtime.table import predict


@cache
def session(bundle: str) -> Any:
    return bert_runtime.load(bundle, options=Options(mode="throughput"))


def answer(frame: pandas.DataFrame, bundle: str) -> pandas.DataFrame:
    return predict(frame, session(bundle), text="body", output=("id", "label", "score"))


if __name__ == "__main__":
    bundle, source, target = sys.argv[1:]
    kinds = {"id": "int64", "label": "str", "score": "float64"}
    answers = dask.dataframe.read_parquet(source).map_partitions(answer, bundle, meta=kinds)
    answers.to_parquet(target, write_index=False)
