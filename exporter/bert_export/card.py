"""The README.md of a bundle: what a model hub shows of it, made from its manifest alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert_runtime.manifest import Contents
from bert_runtime.tasks.activation import activation_of

NAME = "README.md"
_MOST_LABELS = 40
_ON_HUBS = (
    "question-answering", "token-classification", "text-classification", "fill-mask", "multiple-choice",
    "text-generation", "feature-extraction",
)  # fmt: skip
"""Tasks that hubs know by the same name."""


def render(contents: Contents) -> str:
    """The card as Markdown; the same for the same contents."""
    return "\n".join(_lines(contents)) + "\n"


def _lines(contents: Contents) -> Iterator[str]:
    yield from ("---", "library_name: bert-export", "tags: [bert, onnx, bert-export]")
    if contents.task in _ON_HUBS:
        yield f"pipeline_tag: {contents.task}"
    yield from ("---", "", f"# A {contents.task} bundle", "")
    source = contents.provenance.get("source")
    made = f" of {_cell(source)}" if source else ""
    yield f"Made by bert-export{made}. It answers without PyTorch."
    yield ""
    yield from _table(("", ""), list(_facts(contents)))
    yield from ("", "## Graphs", "")
    rows = [(each.target, each.precision, each.file, each.mask) for each in contents.artefacts]
    yield from _table(("target", "precision", "file", "attention masks"), rows)
    checks = list(_checks(contents.verification))
    if checks:
        yield from ("", "## Verification", "", "Compared with torch in fp32:", "")
        yield from _table(("graph", "compared", "cases", "largest difference", "same answers"), checks)
    layers = list(_layers(contents.provenance))
    if layers:
        yield from ("", "## Layers", "", "Structures were removed after training:", "")
        yield from _table(("layer", "attention heads", "feed-forward neurons"), layers)
    verdicts = list(_verdicts(contents))
    if verdicts:
        yield from ("", "## Accuracy", "")
        yield from _table(("graph", "verdict"), verdicts)
    yield from ("", "## Use", "", "```python", "import bert_runtime", "")
    yield 'session = bert_runtime.load("PATH_OR_ORG/NAME")'
    yield from ("```", "", "The manifest, `manifest.json`, has all of this for programs.")


def _facts(contents: Contents) -> Iterator[tuple[object, ...]]:
    labels, settings = contents.settings.labels, contents.settings
    yield "task", contents.task
    if labels:
        more = f" and {len(labels) - _MOST_LABELS} more" if len(labels) > _MOST_LABELS else ""
        yield f"labels ({len(labels)})", ", ".join(labels[:_MOST_LABELS]) + more
    for name, value in {
        "problem type": settings.problem_type,
        "activation": activation_of(settings),
        "pooling": settings.pooling,
        "normalised": settings.normalize,
        "longest text, in tokens": contents.tokenizer.max_length,
    }.items():
        if value is not None:
            yield name, value
    for key in ("source", "revision", "adapter"):
        if contents.provenance.get(key):
            yield key, contents.provenance[key]
    versions = contents.provenance.get("versions")
    if isinstance(versions, Mapping):
        yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _checks(verification: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for artefact in verification.get("artefacts") or ():
        parity = artefact.get("parity")
        for check in parity["checks"] if parity else ():
            same = "" if check["same_answers"] is None else f"{check['same_answers']} of {check['cases']}"
            graph = f"{parity['target']} {parity['precision']}"
            yield graph, check["name"], check["cases"], f"{check['max_difference']:.1e}", same


def _layers(provenance: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """What pruning left of each layer."""
    for each in (provenance.get("pruning") or {}).get("layers") or ():
        heads, neurons = (f"{each[name]} of {each[f'of_{name}']}" for name in ("heads", "neurons"))
        yield each["layer"], heads, neurons


def _verdicts(contents: Contents) -> Iterator[tuple[object, ...]]:
    """What the gates say of each graph's accuracy, and on how many samples."""
    for artefact in contents.verification.get("artefacts") or ():
        parity = artefact.get("parity")
        if parity and parity.get("verdict"):
            yield f"{parity['target']} {parity['precision']}", parity["verdict"]
    for artefact in (contents.quality or {}).get("artefacts") or ():
        if artefact.get("accuracy"):
            yield f"{artefact['target']} int8", artefact["accuracy"]["words"]
    pruning = (contents.quality or {}).get("pruning") or {}
    for target, accuracy in (pruning.get("targets") or {}).items():
        yield f"{target}, pruned", accuracy["words"]


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(map(_cell, head)) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(map(_cell, row)) + " |"


def _cell(value: object) -> str:
    """A value as one line that is no markup: names come from a checkpoint."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(part for part in text.split() if part)
    return "".join(f"\\{character}" if character in "\\`*_[]<>|#" else character for character in line)
