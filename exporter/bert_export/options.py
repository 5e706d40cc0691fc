"""What an export may be asked: one field for each flag of `bert-export`, checked together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bert_export.errors import OptionError

MADE: Mapping[str, tuple[str, ...]] = {
    "cpu": ("fp32",),
    "cuda": ("fp32", "fp16"),
    "openvino": ("fp32", "bf16"),
    "portable": ("fp32", "fp16"),
}
"""Target -> the precisions that this version makes for it."""

TARGETS = tuple(MADE)
PRECISIONS = ("fp32", "fp16", "bf16")

AUTO: Mapping[str, str] = {"fp32": "cpu", "fp16": "cuda", "bf16": "openvino"}
"""Precision -> the target that auto stands for."""

REASONS: Mapping[tuple[str, str], str] = {
    ("cpu", "fp16"): (
        "a CPU computes half precision by converting to single and back, which gains nothing; use --target cuda for "
        "a GPU (a CPU runs that bundle too, with a warning), or leave --fp16 out"
    ),
    ("openvino", "fp16"): (
        "OpenVINO computes half precision on a CPU in single; use --target openvino:bf16, which is faster where the "
        "CPU has bf16"
    ),
    **{
        (target, "bf16"): (
            "ONNX Runtime has bf16 kernels for hardly any operator; use --target openvino:bf16 for a CPU"
            + ("" if target == "cpu" else ", --target cuda:fp16 for a GPU")
        )
        for target in ("cpu", "cuda", "portable")
    },
}
"""Why a target is not made in a precision, and what to do instead."""


@dataclass(frozen=True)
class Variant:
    """What to make of a checkpoint: a graph for one target in one precision."""

    target: str
    precision: str


@dataclass(frozen=True)
class ExportOptions:
    """The options of one export.

    Attributes:
        model: a checkpoint directory or a hub id; None takes the demo checkpoint of the task.
        task: a task's name or alias; auto reads the checkpoint's config.
        adapter: a PEFT adapter's directory, merged into the model before tracing.
        revision: the branch, tag or commit of a hub id.
        output: where the bundle goes; None derives a name from the model and the task, in the current directory.
        force: replace an existing bundle.
        targets: what to make artefacts for, each with a precision of its own where it is written TARGET:PRECISION;
            auto is cuda for fp16, openvino for bf16 and cpu for fp32.
        fp16, bf16: the precision of the targets that name none; without either it is fp32.
        plain: keep exactly the signature of the class in transformers, without head-aware rewrites.
        allow_random_head: export a head whose weights the checkpoint lacks, with seeded random ones.
        max_length: the longest sequence in tokens, shorter than the checkpoint's own.
        pooling, normalize: for feature-extraction; None takes what the checkpoint says.

    Raises:
        OptionError: on construction, with every option that cannot be served.
    """

    model: str | None = None
    task: str = "auto"
    adapter: str | None = None
    revision: str | None = None
    output: Path | None = None
    force: bool = False
    targets: tuple[str, ...] = ("auto",)
    fp16: bool = False
    bf16: bool = False
    plain: bool = False
    allow_random_head: bool = False
    max_length: int | None = None
    pooling: str | None = None
    normalize: bool | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise OptionError("; ".join(problems))

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The targets with their precisions, auto replaced and repetitions removed, in the order given."""
        return tuple(dict.fromkeys(self._variant(target) for target in self.targets))

    def _variant(self, target: str) -> Variant:
        name, colon, own = target.partition(":")
        precision = own if colon else "fp16" if self.fp16 else "bf16" if self.bf16 else "fp32"
        return Variant(AUTO.get(precision, "cpu") if name == "auto" else name, precision)

    def _problems(self) -> Iterator[str]:
        if not self.targets:
            yield f"no target given; expected one or more of {', '.join(('auto', *TARGETS))}"
        if self.fp16 and self.bf16:
            yield "--fp16 and --bf16, expected one of them; write --target TARGET:PRECISION to have both in one bundle"
        yield from self._variant_problems()
        if self.model is None and self.task == "auto":
            yield "neither a model nor a task given; give --model DIR_OR_HUB_ID, or --task for its demo checkpoint"
        if self.model is None and (self.adapter or self.revision):
            yield "--adapter and --revision belong to a --model; give --model DIR_OR_HUB_ID"
        if self.max_length is not None and self.max_length < 8:
            yield f"--max-length is {self.max_length}, expected at least 8 tokens"

    def _variant_problems(self) -> Iterator[str]:
        variants = self.variants
        for variant in variants:
            if variant.target not in MADE:
                yield f"target {variant.target!r} is not built yet; this version makes {', '.join(('auto', *TARGETS))}"
            elif variant.precision not in MADE[variant.target]:
                made = " or ".join(MADE[variant.target])
                reason = REASONS.get((variant.target, variant.precision), "choose one of these")
                yield f"--target {variant.target} in {variant.precision!r}, expected {made}: {reason}"
        for name in dict.fromkeys(variant.target for variant in variants):
            precisions = [variant.precision for variant in variants if variant.target == name]
            if len(precisions) > 1:
                yield f"target {name} in {' and '.join(precisions)}, expected one: a bundle holds one graph each"
