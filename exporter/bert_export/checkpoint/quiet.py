"""Keep other libraries off the terminal and off the network while a local checkpoint is read."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from transformers.utils import logging as transformers_logging


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, log lines or progress bars of transformers, peft and the hub's client; all settings are restored."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    hub_logger = logging.getLogger("huggingface_hub")
    hub_level, hub_bars = hub_logger.level, not are_progress_bars_disabled()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # above CRITICAL: transformers logs its report of missing weights, which the gate tells better, as an error
            transformers_logging.set_verbosity(logging.CRITICAL + 1)
            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            hub_logger.setLevel(logging.CRITICAL)
            disable_progress_bars()
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        hub_logger.setLevel(hub_level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        if hub_bars:
            enable_progress_bars()


@contextmanager
def offline() -> Iterator[None]:
    """The hub's client refuses to use the network: what is local stays local, whatever a library looks up by itself."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
