"""The families of encoders: each is a value in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping

from bert_export.families.bert import BERT
from bert_export.families.camembert import CAMEMBERT
from bert_export.families.distilbert import DISTILBERT
from bert_export.families.electra import ELECTRA
from bert_export.families.ernie import ERNIE
from bert_export.families.family import Family
from bert_export.families.mpnet import MPNET
from bert_export.families.roberta import ROBERTA
from bert_export.families.xlm_roberta import XLM_ROBERTA

__all__ = ["BY_NAME", "FAMILIES", "Family", "find_family"]

FAMILIES: tuple[Family, ...] = (BERT, DISTILBERT, ROBERTA, CAMEMBERT, XLM_ROBERTA, ELECTRA, ERNIE, MPNET)
"""All of them."""

BY_NAME: Mapping[str, Family] = {family.name: family for family in FAMILIES}
"""`model_type` in config.json -> the family."""


def find_family(model_type: str) -> Family:
    """The family of a configuration that was loaded: see `bert_export.checkpoint.architecture` for one that was not."""
    return BY_NAME[model_type]
