"""Of an engine that compiles its graph: the sizes that it is built for, and the folder that keeps what it makes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from bert_runtime import bundle as bundles
from bert_runtime.backends.engine import make_cache
from bert_runtime.backends.profile import Profile, profile_file, read_profile
from bert_runtime.errors import BackendError, InputError
from bert_runtime.manifest import Artefact
from bert_runtime.options import Options
from bert_runtime.targets import Target

_CHOICES = 16
"""The most choices of a question that a TensorRT engine is built for where no profile is given."""

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def default_profile(bundle: bundles.Bundle, artefact: Artefact, options: Options) -> Profile:
    """The sizes that are asked for, else those of the bundle, else those that a session's own batches can have: most
    likely is a small batch of a text's usual length."""
    name = profile_file(artefact.target)
    if options.gpu.profile is not None:
        return options.gpu.profile
    if name in bundle.manifest.files:
        return read_profile(bundle.directory / name)
    rows, length = options.batch_limits.max_batch_size, bundle.manifest.tokenizer.max_length
    return Profile(
        {
            "batch": (1, min(8, rows), rows),
            "choices": (1, 4, _CHOICES),
            "sequence": (1, min(128, length), length),
            "masks": (1, min(8, length), length),
        }
    )


def compiled_folder(
    bundle: bundles.Bundle, artefact: Artefact, target: Target, cache: str | Path | None
) -> Path | None:
    """Where an engine keeps what it made of this artefact: a folder for each content of its files, in the cache that is
    named, else in the user's own where building takes minutes; None keeps nothing.

    Raises:
        InputError: the cache lies in the bundle.
        BackendError: the user's own cache cannot be used.
    """
    if cache is None and not target.has_profile:
        return None
    parent = user_cache() if cache is None else Path(cache)
    if parent.resolve().is_relative_to(bundle.directory):
        raise InputError(
            f"cache: {parent} lies in the bundle, which holds only what its manifest lists; name a directory elsewhere"
        )
    digests = [bundle.manifest.files[name].sha256 for name in (artefact.file, *artefact.data)]
    return parent / hashlib.sha256(" ".join(digests).encode()).hexdigest()


def user_cache() -> Path:
    """This user's folder for engines, made: `bert-export/engines` in $XDG_CACHE_HOME, else in ~/.cache (XDG Base
    Directory Specification, which ignores a path that is not absolute). What lies in it is loaded without a check.

    Raises:
        BackendError: it cannot be made, or another user may write to it.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = named if named.is_absolute() else Path("~/.cache").expanduser()
    folder = base / "bert-export" / "engines"
    make_cache(folder, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
        raise BackendError(
            f"cache: {folder} belongs to another user, or others may write to it, expected this user alone: engines "
            "are loaded from it without a check; mend its owner and mode, or name another directory as the cache"
        )
    return folder
