"""The text gate: the checkpoint's own tokenizer and the bundle's give the same ids, types and truncation."""

from bert_export.checkpoint.text_gate.comparison import TextGateReport, prove_same_ids

__all__ = ["TextGateReport", "prove_same_ids"]
