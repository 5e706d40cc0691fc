"""A bundle to the Hugging Face hub: its manifest, what that lists, and its card; nothing else that lies there."""

from __future__ import annotations

from pathlib import Path

from bert_export import card
from bert_export.errors import OptionError
from bert_runtime import bundle, manifest_json
from bert_runtime.hub import import_huggingface_hub


def publish(directory: Path, repository: str, private: bool = False, branch: str | None = None) -> str:
    """Upload a bundle as one commit; the repository is made where there is none.

    Args:
        branch: made from the main one where there is none; None is the main one.

    Returns:
        The address of the commit.

    Raises:
        OptionError: the hub refuses, or is out of reach.
        BundleError: the directory is no bundle.
        BackendError: huggingface_hub is not installed.
    """
    files = [manifest_json.NAME, card.NAME, *bundle.read(directory).manifest.files]
    hub = import_huggingface_hub(repository)
    try:
        api = hub.HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        if branch is not None:
            api.create_branch(repository, branch=branch, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=directory,
            revision=branch,
            allow_patterns=files,
            commit_message="Upload a bundle of bert-export",
        )
    except Exception as error:  # the hub and the network: each layer has its own exceptions
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OptionError(
            f"{directory} is made, but the hub did not take it as {repository!r} ({type(error).__name__}: {reason}); "
            "check the name, log in with `hf auth login`, or upload the directory later"
        ) from error
    return str(commit.commit_url)
