"""The calls: `export` makes what its options ask for, `quantize` int8 of a bundle, `tune` what runs best here."""

from __future__ import annotations

import dataclasses

from bert_export.applicability import MODES
from bert_export.errors import OptionError
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ExportReport
from bert_runtime.machine.system import is_importable

_OF_A_CHECKPOINT = ("torch", "transformers", "safetensors", "onnx_ir", "onnxscript")
_OF_A_BUNDLE = ("onnx_ir", "onnxscript")


def export(options: ExportOptions, stages: Stages | None = None) -> ExportReport:
    """Make the bundle that `options` describe; it is written whole, or not at all. A bundle is quantised without torch.

    Args:
        stages: what times the stages, and shows them; None shows nothing.

    Raises:
        OptionError: a package is missing, the output is taken, or an option does not fit the task.
        CheckpointError: the checkpoint lacks something.
        BundleError: what is given as a bundle is none.
        GateError: a fusion is missing, an artefact does not answer as torch does, or no plan for int8 keeps the
            accuracy.
        QuantizationError: the bundle has no fp32 artefact for a target.
    """
    if not isinstance(options, ExportOptions):
        raise OptionError(
            f"options is a {type(options).__name__}, expected ExportOptions, as in ExportOptions(model=…)"
        )
    require_packages(options)
    stages = stages or Stages()
    if options.optimize is not None:
        from bert_export.tuning import tune as tuning  # noqa: PLC0415 - onnx; and of a bundle no torch

        return tuning.tune(options, stages)
    if options.bundle is not None:
        from bert_export.requantize import requantize  # noqa: PLC0415 - onnx; and a bundle needs no torch

        return requantize(options, stages)
    from bert_export.pipeline import export_checkpoint  # noqa: PLC0415 - torch: wrong options are an error without it

    return export_checkpoint(options, stages)


def quantize(options: ExportOptions, stages: Stages | None = None) -> ExportReport:
    """Make the int8 variant of an fp32 bundle, `options.bundle`, without torch; see `export`.

    Raises:
        OptionError: no bundle is given; and see `export`.
        BundleError, GateError, QuantizationError: see `export`.
    """
    if options.bundle is None:
        raise OptionError("bundle is None, expected an fp32 bundle: give ExportOptions(bundle=…, int8=True)")
    return export(options, stages)


def tune(options: ExportOptions, stages: Stages | None = None) -> ExportReport:
    """Try every target, precision and number of threads of this machine's CPU, and write the best; see `export`.

    `options.optimize` says for which work: latency, the default here, or throughput.

    Raises:
        OptionError, CheckpointError, BundleError, GateError: see `export`.
    """
    if options.optimize is None:
        options = dataclasses.replace(options, optimize=MODES[0])
    return export(options, stages)


def require_packages(options: ExportOptions) -> None:
    """Before any work.

    Raises:
        OptionError: a package is not installed.
    """
    needed = _OF_A_CHECKPOINT if options.bundle is None else _OF_A_BUNDLE
    missing = [name for name in (*needed, *(["peft"] if options.adapter else [])) if not is_importable(name)]
    if missing:
        extras = "cpu,export" if options.bundle is None else "cpu,cli,int8"
        are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise OptionError(
            f"{', '.join(missing)} {are} not installed, and an export needs {them}; run "
            f"`pip install 'bert-export[{extras}]'`"
        )
