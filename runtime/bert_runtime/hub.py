"""Bundles on the Hugging Face hub: fetched once into its cache, and found there without a network."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bert_runtime import manifest_json
from bert_runtime.errors import BackendError, BundleError

REPOSITORY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)(?:@([A-Za-z0-9][A-Za-z0-9._/-]*))?")
"""`org/name`, and after an @ a branch, tag or commit."""

CARD = "README.md"
SECONDS = 10  # for the hub to answer; a person is waiting


def located(path: str | Path, revision: str | None = None) -> Path:
    """The directory of a bundle: `path` itself where it exists, else the snapshot of the repository that it names.

    A Path always names a directory; only a str may be `org/name` or `org/name@revision`.

    Raises:
        BackendError: huggingface_hub is not installed.
        BundleError: two revisions are named; or the hub and its cache have no such bundle.
    """
    found = REPOSITORY.fullmatch(path) if isinstance(path, str) and not Path(path).exists() else None
    if found is None:
        return Path(path)
    repository, named = found.groups()
    if revision is not None and named is not None and revision != named:
        raise BundleError(f"{path} names one revision and the option revision another, {revision!r}; name one of them")
    return _snapshot(repository, revision or named)


def import_huggingface_hub(name: str) -> Any:
    """The huggingface_hub module, asked for what `name` says.

    Raises:
        BackendError: it is not installed.
    """
    try:
        import huggingface_hub  # noqa: PLC0415 - an extra, and a missing one must be explained
    except ImportError as error:
        raise BackendError(
            f"{name} is no directory here, and huggingface_hub, which would look for it on the hub, cannot be imported "
            f"({error}); check the path, or run `pip install 'bert-export[hub]'`"
        ) from error
    return huggingface_hub


def _snapshot(repository: str, revision: str | None) -> Path:
    """Fetch the manifest, then what it lists at the same commit; nothing else of the repository is fetched."""
    hub = import_huggingface_hub(repository)
    try:
        with _bars():
            manifest = Path(
                hub.hf_hub_download(repository, manifest_json.NAME, revision=revision, etag_timeout=SECONDS)
            )
        with manifest.open("rb") as file:
            names = manifest_json.parse(file.read(manifest_json.MAX_BYTES + 1)).files
        wanted = [manifest_json.NAME, CARD, *names]
        with _bars():
            fetched = hub.snapshot_download(
                repository, revision=manifest.parent.name, allow_patterns=wanted, etag_timeout=SECONDS
            )
    except BundleError as error:
        raise BundleError(f"{repository}: {error}") from error
    except Exception as error:  # the hub, the network and the cache: each layer has its own exceptions
        at = f" at revision {revision!r}" if revision else ""
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BundleError(
            f"{repository}{at} is no directory here, and the hub gives no bundle of that name ({type(error).__name__}: "
            f"{reason}); check the name and the revision, log in with `hf auth login`, or give a bundle's directory"
        ) from error
    return Path(fetched)


@contextlib.contextmanager
def _bars() -> Iterator[None]:
    """Progress bars on a terminal alone."""
    from huggingface_hub.utils.tqdm import (  # noqa: PLC0415 - only once the package is known to be there
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    is_hidden = sys.stderr is None or not sys.stderr.isatty()
    change = is_hidden and not are_progress_bars_disabled()
    if change:
        disable_progress_bars()
    try:
        yield
    finally:
        if change:
            enable_progress_bars()
