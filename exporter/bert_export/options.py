"""What an export may be asked: one field for each flag of `bert-export`, checked together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bert_export.errors import OptionError

TARGETS = ("cpu", "openvino", "portable")
"""The targets that this version makes artefacts for."""


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
        targets: what to make artefacts for; auto is cpu.
        fp16: half precision; not in this version, refused.
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
    def resolved_targets(self) -> tuple[str, ...]:
        """The targets with auto replaced and repetitions removed, in the order given."""
        return tuple(dict.fromkeys("cpu" if target == "auto" else target for target in self.targets))

    def _problems(self) -> Iterator[str]:
        if self.fp16:
            yield "--fp16 is not built yet: this version exports fp32, and does not pretend; leave --fp16 out"
        for target in self.targets:
            if target not in ("auto", *TARGETS):
                yield f"target {target!r} is not built yet; this version makes {', '.join(('auto', *TARGETS))}"
        if not self.targets:
            yield f"no target given; expected one or more of {', '.join(('auto', *TARGETS))}"
        if self.model is None and self.task == "auto":
            yield "neither a model nor a task given; give --model DIR_OR_HUB_ID, or --task for its demo checkpoint"
        if self.model is None and (self.adapter or self.revision):
            yield "--adapter and --revision belong to a --model; give --model DIR_OR_HUB_ID"
        if self.max_length is not None and self.max_length < 8:
            yield f"--max-length is {self.max_length}, expected at least 8 tokens"
