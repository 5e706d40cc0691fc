"""How many labels the head has, and their names, before transformers fills in its own two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bert_export.checkpoint.config_keys import MAX_LABELS
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.keys import shown

BESIDE = (
    'PEFT saves no config.json: put one beside the adapter, as {"id2label": {"0": "first name", "1": "second name"}}, '
    "to name them"
)


def with_labels(raw: Mapping[str, Any], rows: int | None, is_adapters: bool, findings: Findings) -> dict[str, Any]:
    """config.json's content with the labels that it leaves to be guessed.

    Names come from id2label, else from label2id; their number comes from these, else from num_labels, else from `rows`,
    those of the saved classifier, which `is_adapters` says to be an adapter's.
    """
    content = dict(raw)
    _check_form(raw, findings)
    if not raw.get("id2label") and _is_inverse(raw.get("label2id")):
        content["id2label"] = {str(i): name for name, i in sorted(raw["label2id"].items(), key=lambda pair: pair[1])}
        findings.notes.append("id2label is missing in config.json: labels are taken from label2id")
    stated = _stated(content)
    if rows is None or rows == stated:
        return content
    if stated is None:
        content["num_labels"] = rows
        if is_adapters:
            findings.notes.append(f"the adapter's classifier has {rows} labels without names; {BESIDE}")
    elif is_adapters:
        findings.problems.append(
            f"the adapter's classifier has {rows} labels, config.json {stated}; expected as many names: {BESIDE}"
        )
    return content


def _stated(raw: Mapping[str, Any]) -> int | None:
    """The number of labels that config.json tells."""
    names, number = raw.get("id2label"), raw.get("num_labels")
    if isinstance(names, dict | list) and names:
        return len(names)
    return number if isinstance(number, int) else None


def _check_form(raw: Mapping[str, Any], findings: Findings) -> None:
    """Whether the tables of labels are tables, of a size that can be held."""
    for key in ("id2label", "label2id"):
        value = raw.get(key)
        if value is not None and not isinstance(value, dict):
            findings.problems.append(
                f"{key} in config.json is {shown(value)}, a {type(value).__name__}; expected an object such as "
                + ('{"0": "negative", "1": "positive"}' if key == "id2label" else '{"negative": 0, "positive": 1}')
                + ": write it so"
            )
        elif value is not None and len(value) > MAX_LABELS:
            findings.problems.append(
                f"{key} in config.json has {len(value)} entries, expected at most {MAX_LABELS}: correct it"
            )


def _is_inverse(label2id: object) -> bool:
    """Whether the ids are 0..n-1, each once."""
    return (
        isinstance(label2id, dict)
        and bool(label2id)
        and {value for value in label2id.values() if type(value) is int} == set(range(len(label2id)))
    )
