"""Answers in Spark: `spark-submit spark_map.py BUNDLE IN.parquet OUT`; the text is in the column `body`."""

import sys
from collections.abc import Iterator

import pandas
from pyspark.sql import SparkSession

import bert_runtime
from bert_runtime import Options
from bert_runtime.table import predict

bundle, source, target = sys.argv[1:]


def answer(frames: Iterator[pandas.DataFrame]) -> Iterator[pandas.DataFrame]:
    with bert_runtime.load(bundle, options=Options(mode="throughput", threads=1)) as session:
        for frame in frames:
            yield predict(frame, session, text="body", output=("id", "label", "score"))


rows = SparkSession.builder.getOrCreate().read.parquet(source)
rows.mapInPandas(answer, "id long, label string, score double").write.mode("overwrite").parquet(target)
