"""CamemBERT (Martin et al. 2019, arXiv 1911.03894): RoBERTa for French, with SentencePiece."""

from __future__ import annotations

from dataclasses import replace

from bert_export.families.roberta import ROBERTA

CAMEMBERT = replace(
    ROBERTA, name="camembert", title="CamemBERT", class_prefix="Camembert", tokenizers=("Unigram", "BPE")
)
