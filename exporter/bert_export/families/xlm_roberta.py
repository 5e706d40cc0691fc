"""XLM-RoBERTa (Conneau et al. 2019, arXiv 1911.02116): RoBERTa for a hundred languages, with SentencePiece."""

from __future__ import annotations

from dataclasses import replace

from bert_export.families.roberta import ROBERTA

XLM_ROBERTA = replace(
    ROBERTA, name="xlm-roberta", title="XLM-RoBERTa", class_prefix="XLMRoberta", tokenizers=("Unigram",)
)
