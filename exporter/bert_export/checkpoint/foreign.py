"""What in config.json asks for code that is not transformers' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.keys import shown
from bert_export.checkpoint.printable import listed

ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
STOCK_ATTENTION = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flash_attention_4", "flex_attention")
TEXT_CLASSES = ("AutoTokenizer", "AutoProcessor")  # the text side tells of these


def check_foreign_code(raw: Mapping[str, Any], ignore_auto_map: bool, findings: Findings) -> None:
    """Problems for code that would decide answers; notes for what the user chose to do without."""
    findings.problems += _attention(raw)
    named = _model_code(raw.get("auto_map"))
    if not named:
        return
    if ignore_auto_map:
        findings.notes.append(
            f"auto_map names the author's own code, {named}, which was not loaded: the stock class of transformers "
            "may answer otherwise"
        )
    else:
        findings.problems.append(
            f"auto_map in config.json names the author's own code, {named}, expected a stock class of transformers: "
            "such code is never run; where the stock class is known to answer alike, pass --ignore-auto-map"
        )


def _model_code(auto_map: object) -> str:
    """The classes that auto_map names for the model and its configuration; empty without any."""
    if not auto_map:
        return ""
    if not isinstance(auto_map, dict):
        return shown(auto_map)
    return listed(f"{key} {value}" for key, value in auto_map.items() if key not in TEXT_CLASSES and value)


def _attention(raw: Mapping[str, Any]) -> Iterator[str]:
    for key in ATTENTION_KEYS:
        value = raw.get(key)
        named = value.values() if isinstance(value, dict) else [value]
        if any(each is not None and each not in STOCK_ATTENTION for each in named):
            yield (
                f"config.json says {key} {shown(value)}, code from elsewhere that decides how attention is computed; "
                f"expected {', '.join(STOCK_ATTENTION)}: remove it where the model was trained without it"
            )
