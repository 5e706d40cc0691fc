"""What an export may be asked: one field for each flag of `bert-export`, checked together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bert_calibration.config import QuantizationConfig
from bert_export import applicability
from bert_export.attention_masks import mask_problems
from bert_export.errors import OptionError
from bert_export.tensorrt.profile import Bounds, parse_profile
from bert_runtime import manifest_json
from bert_runtime.fields import settle
from bert_runtime.targets import AUTO, BY_NAME, CPU, TARGETS

_AUTO_FOR = {precision: target.name for target in TARGETS for precision in target.auto_for}
"""Precision -> the target that auto stands for."""

PROFILED = tuple(target.name for target in TARGETS if target.has_profile)
"""The targets whose engine is built for a profile."""
ACTIVATIONS = ("none", "sigmoid", "softmax")


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
            auto is cuda for fp16, openvino for bf16, and cpu for fp32 and int8.
        fp16, bf16, int8: the precision of the targets that name none; without any it is fp32.
        bundle: an fp32 bundle to quantise or to prune, in place of a model: needs no checkpoint and no torch.
        prune: leave out attention heads and feed-forward neurons, as many as `speedup` or `max_drop` say, with the rest
            refitted on `calibrate`; see bert_calibration.pruning.
        speedup: how many times as fast as the whole network in the same precision; None: as fast as `max_drop` allows.
        save_pruned: a directory for the pruned checkpoint, with zeros for what was removed, and in it `whole`, the
            checkpoint as it was: what `bert_calibration.finetune distill` trains.
        allow_pruning: with `optimize`, try pruned networks too, which change answers more than rounding does.
        calibrate: for int8 and pruning, JSON Lines of requests as `bert-run` reads them, best with gold (see
            bert_calibration.samples): every other one, 128 at most (of pruning 512), makes the ranges, the rest judge
            the accuracy.
        limit: how many of them to take, evenly over the file.
        method: how ranges are taken; auto is smooth with data and per-token without.
        preset: performance or accuracy; None: accuracy, but performance for minmax, percentile and entropy.
        max_drop: the accuracy constraint, absolute: of the task's metric, or without labels of the share of equal
            answers. How many held-out samples it takes to tell follows from it; see bert_calibration.accuracy.
        accept_unproven: make the int8 bundle although the samples are too few to tell; it says so.
        ranges: a ranges file of an earlier export of the same model, used instead of calibrating again.
        profile: for the target tensorrt, the sizes that its engine is built for, as in batch=1:8:32,sequence=16:128:384
            (MIN:OPT:MAX of each axis); what is not named is taken from the sizes of `calibrate`, else from the model.
        optimize: latency or throughput: instead of what targets and precisions say, try all that runs on this machine's
            CPU, and make what is best for single requests, or for many at once; see bert_export.tuning.
        masks: for the target cuda: an artefact for any attention mask, one for right-padded masks, whose kernels are
            faster, or both, which share their weights. A decoder pads on the left and has the first alone.
        remove_padding: the artefact for right-padded masks computes no padding at all. Only a GPU runs it, and none has
            tried it.
        build_engine: a directory for the engine that TensorRT builds for the GPU of this machine, beside the bundle.
        plain: keep exactly the signature of the class in transformers, without head-aware rewrites.
        allow_random_head: export a head whose weights the checkpoint lacks, with seeded random ones.
        ignore_auto_map: load the stock class of that name where config.json names its author's own code, although
            that code may answer otherwise.
        max_length: the longest sequence in tokens, shorter than the checkpoint's own.
        pooling, normalize: for feature-extraction; None takes what the checkpoint says.
        prompt_name: for feature-extraction, which of the checkpoint's prompts is put before texts that ask for none; ""
            is none of them, and None takes what the checkpoint says.
        activation: for text-classification, none, sigmoid or softmax: turns logits into scores; None takes what the
            checkpoint says, and else what transformers' pipeline does.

    Raises:
        OptionError: on construction, with every option that cannot be served.
    """

    model: str | None = None
    task: str = "auto"
    adapter: str | None = None
    revision: str | None = None
    output: Path | None = None
    force: bool = False
    targets: tuple[str, ...] = (AUTO,)
    fp16: bool = False
    bf16: bool = False
    int8: bool = False
    bundle: Path | None = None
    prune: bool = False
    speedup: float | None = None
    save_pruned: Path | None = None
    allow_pruning: bool = False
    calibrate: Path | None = None
    limit: int | None = None
    method: str = "auto"
    preset: str | None = None
    max_drop: float = 0.01
    accept_unproven: bool = False
    ranges: Path | None = None
    profile: str | None = None
    build_engine: Path | None = None
    optimize: str | None = None
    masks: str = "both"
    remove_padding: bool = False
    plain: bool = False
    allow_random_head: bool = False
    ignore_auto_map: bool = False
    max_length: int | None = None
    pooling: str | None = None
    normalize: bool | None = None
    activation: str | None = None
    prompt_name: str | None = None

    def __post_init__(self) -> None:
        for name in ("model", "adapter"):  # a directory, or a name on the hub
            if isinstance(value := getattr(self, name), Path):
                object.__setattr__(self, name, str(value))
        problems = settle(self) or list(self._problems())
        if problems:
            raise OptionError("; ".join(problems))

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The targets with their precisions, auto replaced and repetitions removed, in the order given."""
        return tuple(dict.fromkeys(self._variant(target) for target in self.targets))

    @property
    def quantization(self) -> QuantizationConfig:
        """How int8 artefacts are made."""
        return QuantizationConfig(
            self.method, self.preset, self.max_drop, self.accept_unproven, self.calibrate, self.limit, self.ranges
        )

    @property
    def profile_axes(self) -> dict[str, Bounds]:
        """The axes of `profile`; empty without one."""
        return {} if self.profile is None else parse_profile(self.profile)

    @property
    def _flags(self) -> list[str]:
        """The precisions that were asked for by a flag of their own."""
        flags = {"fp16": self.fp16, "bf16": self.bf16, "int8": self.int8}
        return [name for name, given in flags.items() if given]

    def _variant(self, target: str) -> Variant:
        name, colon, own = target.partition(":")
        precision = own if colon else next(iter(self._flags), "fp32")
        return Variant(_AUTO_FOR.get(precision, CPU.name) if name == AUTO else name, precision)

    def _problems(self) -> Iterator[str]:
        if not self.targets:
            yield f"no target given; expected one or more of {', '.join((AUTO, *BY_NAME))}"
        if len(self._flags) > 1:
            given = " and ".join(f"--{name}" for name in self._flags)
            yield f"{given}, expected one of them; write --target TARGET:PRECISION to have both in one bundle"
        if self.optimize not in (None, *applicability.MODES):
            yield f"{applicability.FLAG} is {self.optimize!r}, expected {' or '.join(applicability.MODES)}"
        yield from applicability.problems(self)
        yield from self.quantization.problems(self.quantization.has_data)
        yield from self._source_problems()
        yield from self._variant_problems()
        yield from self._data_problems()
        if self.max_length is not None and self.max_length < 8:
            yield f"--max-length is {self.max_length}, expected at least 8 tokens"
        if self.activation not in (None, *ACTIVATIONS):
            yield f"--activation is {self.activation!r}, expected one of {', '.join(ACTIVATIONS)}"

    def _data_problems(self) -> Iterator[str]:
        """What needs data, and what is given for nothing."""
        compiled = [variant for variant in self.variants if variant.target in PROFILED]
        own = {variant.precision for variant in compiled}
        usual = QuantizationConfig()
        lengths = QuantizationConfig(calibrate=self.calibrate, limit=self.limit)  # of its requests, for the profile
        is_int8 = any(variant.precision == "int8" for variant in self.variants)
        if not (is_int8 or self.optimize or self.prune) and self.quantization != (lengths if own else usual):
            yield (
                "--calibrate, --limit, --method, --preset, --max-drop, --accept-unproven and --ranges are for int8; "
                "give --int8"
            )
        yield from self._pruning_problems()
        if "int8" in own and not (self.calibrate or self.ranges):
            name = compiled[0].target
            yield f"--target {name} in int8 takes its scales from data; give --calibrate FILE, or --ranges FILE"
        if not own and (self.profile is not None or self.build_engine is not None):
            yield f"--profile and --build-engine are for TensorRT; give --target {' or '.join(PROFILED)}"
        yield from mask_problems(self.masks, self.remove_padding, [variant.target for variant in self.variants])
        try:
            self.profile_axes  # noqa: B018 - read for its errors
        except OptionError as error:
            yield str(error)

    def _pruning_problems(self) -> Iterator[str]:
        """What pruning lacks, and what is given for nothing."""
        if self.prune and self.calibrate is None:
            yield "--prune fits weights to texts, and judges answers on others; give --calibrate FILE"
        if self.prune and self.ranges is not None:
            yield "--prune with --ranges, expected --calibrate alone: a pruned network has other ranges"
        alone = {"--speedup": self.speedup, "--save-pruned": self.save_pruned}
        if given := [flag for flag, value in alone.items() if value is not None and not self.prune]:
            yield f"{' and '.join(given)} without --prune, expected it: give --prune"
        if self.save_pruned is not None and self.bundle is not None:
            yield "--save-pruned with --bundle, which has no checkpoint; give --model"
        if self.speedup is not None and not self.speedup > 1:
            yield f"--speedup is {self.speedup:g}, expected more than 1: 1.5 is half as fast again as the whole network"
        if self.allow_pruning and self.optimize is None:
            yield f"--allow-pruning is for {applicability.FLAG}; give --prune to prune"
        elif self.allow_pruning and self.calibrate is None:
            yield "--allow-pruning fits weights to texts, and judges answers on others; give --calibrate FILE"
        rounding = [f"--{name}" for name in ("method", "preset") if getattr(self, name) not in (None, "auto")]
        if self.prune and rounding and not any(variant.precision == "int8" for variant in self.variants):
            yield f"--prune with {' and '.join(rounding)}, expected --int8 too: that is about integers"

    def _source_problems(self) -> Iterator[str]:
        if self.bundle is not None:
            made = {"int8", "fp32", "bf16"} if self.prune else {"int8"}
            if not self.optimize and any(variant.precision not in made for variant in self.variants):
                yield "--bundle is quantised: give --int8; every other precision needs the checkpoint, --model"
            return
        if self.model is not None and (Path(self.model) / manifest_json.NAME).is_file():
            yield f"--model {self.model} is a bundle, expected a checkpoint; give --bundle {self.model} to quantise it"
        if self.model is None and self.task == "auto":
            yield "neither a model nor a task given; give --model DIR_OR_HUB_ID, or --task for its demo checkpoint"
        if self.model is None and (self.adapter or self.revision):
            yield "--adapter and --revision belong to a --model; give --model DIR_OR_HUB_ID"

    def _variant_problems(self) -> Iterator[str]:
        variants = self.variants
        for variant in variants:
            target = BY_NAME.get(variant.target)
            if target is None:
                yield f"target {variant.target!r} is not built yet; this version makes {', '.join((AUTO, *BY_NAME))}"
            elif variant.precision not in target.precisions:
                made = " or ".join(target.precisions)
                reason = target.refusals.get(variant.precision, "choose one of these")
                yield f"--target {variant.target} in {variant.precision!r}, expected {made}: {reason}"
        for name in dict.fromkeys(variant.target for variant in variants):
            precisions = [variant.precision for variant in variants if variant.target == name]
            if len(precisions) > 1:
                yield f"target {name} in {' and '.join(precisions)}, expected one: a bundle holds one graph each"
