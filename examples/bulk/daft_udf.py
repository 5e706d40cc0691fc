"""Answers in Daft: `python daft_udf.py BUNDLE IN.parquet OUT`; the text is in the column `body`."""

import sys

import daft
import pyarrow

import bert_runtime
from bert_runtime import Options
from bert_runtime.table import predict

bundle, source, target = sys.argv[1:]
ANSWER = daft.DataType.struct({"label": daft.DataType.string(), "score": daft.DataType.float64()})


@daft.cls(max_concurrency=1)
class Answerer:
    def __init__(self) -> None:
        self.session = bert_runtime.load(bundle, options=Options(mode="throughput"))

    @daft.method.batch(return_dtype=ANSWER)
    def answer(self, texts: daft.Series) -> pyarrow.Array:
        found = predict(pyarrow.table({"text": texts.to_arrow()}), self.session, output=("label", "score"))
        return found.to_struct_array().combine_chunks()


rows = daft.read_parquet(source)
rows.with_column("answer", Answerer().answer(rows["body"])).write_parquet(target)
