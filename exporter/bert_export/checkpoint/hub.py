"""Fetch the few files of a checkpoint that an export needs from the Hugging Face hub, or find them in its cache."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from bert_export.checkpoint.findings import Findings, reason
from bert_export.checkpoint.folder import Folder
from bert_export.checkpoint.left_out import left_out
from bert_export.checkpoint.quiet import quiet
from bert_export.errors import CheckpointError

SECONDS = 10  # for the hub to answer; a person is waiting
# A sentence-transformers model from before version 2.0 has the model in a directory of its own.
OLD = r"(\d_(BERT|Transformer)/)?"
SETTINGS = re.compile(
    OLD + r"(config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|modules|sentence_bert_config"
    r"|config_sentence_transformers|adapter_config|\d+_(Pooling|Normalize)/config)\.json|" + OLD + r"vocab\.txt"
)
SAFETENSORS = re.compile(OLD + r"(adapter_)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
PICKLES = re.compile(OLD + r"(pytorch_model|adapter_model)(-\d+-of-\d+)?\.bin(\.index\.json)?")


def fetch(repository: str, revision: str | None, findings: Findings) -> Folder:
    """Download what is needed and return the cache's directory; without a network, what the cache already holds.

    Raises:
        CheckpointError: the hub does not have it or does not give it, or is out of reach and the cache lacks it.
    """
    try:
        with quiet():
            return _download(repository, revision, findings)
    except (HfHubHTTPError, HFValidationError) as error:  # the hub answered, and the answer is no
        raise CheckpointError(_refused(repository, revision, error)) from error
    except Exception as error:  # no network: each layer below has its own exception
        folder = _cached(repository, revision)
        if folder is None:
            raise CheckpointError(_unreachable(repository, error)) from error
        findings.notes.append(f"the hub is out of reach: took {repository} from the local cache")
        return folder


def wanted(names: Iterable[str]) -> list[str]:
    """Which files of a repository to download: settings, and one format of weights (safetensors before pickles)."""
    names = list(names)
    weights = [name for name in names if SAFETENSORS.fullmatch(name)]
    weights = weights or [name for name in names if PICKLES.fullmatch(name)]
    return [name for name in names if SETTINGS.fullmatch(name)] + weights


def _download(repository: str, revision: str | None, findings: Findings) -> Folder:
    info = HfApi().model_info(repository, revision=revision, timeout=SECONDS)
    names = [sibling.rfilename for sibling in info.siblings or []]
    files = wanted(names)
    findings.notes += left_out(names)
    path = snapshot_download(repository, revision=info.sha, allow_patterns=files, etag_timeout=SECONDS)
    return Folder(Path(path), repository, info.sha)


def _cached(repository: str, revision: str | None) -> Folder | None:
    try:
        path = Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except Exception:  # nothing there: the caller tells why the hub was no help either
        return None
    return Folder(path, repository, path.name)


def _refused(repository: str, revision: str | None, error: Exception) -> str:
    at = f" at revision {revision!r}" if revision else ""
    return (
        f"{repository!r}{at} is no directory here, the hub refused it ({type(error).__name__}: {reason(error)}); "
        "expected a public model, or one that your token may read: check the name and the revision, or log in"
    )


def _unreachable(repository: str, error: Exception) -> str:
    return (
        f"{repository!r} is no directory here; the hub is out of reach ({type(error).__name__}: {reason(error)}) "
        "and the local cache does not hold it; download the model where there is a network and give its directory"
    )
