"""The checkpoint's own tokenizer: what transformers' AutoTokenizer makes of the folder. No code of the folder runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bert_export.checkpoint.findings import Findings, listing, reading
from bert_export.checkpoint.keys import shown
from bert_export.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import TokenizersBackend

VERBATIM_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""They take tokenizer.json as it is."""
WORD_PIECE_CLASSES = (
    "BertTokenizer",
    "ConvBertTokenizer",
    "DistilBertTokenizer",
    "DPRContextEncoderTokenizer",
    "DPRQuestionEncoderTokenizer",
    "ElectraTokenizer",
    "LayoutLMTokenizer",
    "LxmertTokenizer",
    "MobileBertTokenizer",
    "MPNetTokenizer",
    "SqueezeBertTokenizer",
)
"""Those of BERT's tokenizer under other names; each may end in Fast."""
JSON_CLASSES = ("RobertaTokenizer", "XLMRobertaTokenizer", "CamembertTokenizer")
"""Tokenizers of other kinds than WordPiece, which are read from a tokenizer.json; each may end in Fast."""
ADVICE = (
    "no other tokenizer is supported, and a vocabulary read by another class gives other ids. Give a checkpoint with "
    "the tokenizer of its family; or, if its tokenizer.json is a whole tokenizer, set tokenizer_class to "
    "PreTrainedTokenizerFast"
)


def load_own(folder: Path, config: Mapping[str, Any], settings: Mapping[str, Any]) -> TokenizersBackend:
    """The checkpoint's tokenizer, built by transformers of local files alone.

    Args:
        folder: where the tokenizer's files lie.
        config: the content of the model's config.json.
        settings: the content of tokenizer_config.json; empty where there is none.

    Raises:
        CheckpointError: files that are missing or damaged, or a tokenizer of another kind.
    """
    _check_files(folder, config, settings)
    from transformers import CONFIG_MAPPING, AutoTokenizer, TokenizersBackend  # noqa: PLC0415 - seconds: after the checks

    with reading("the tokenizer", "expected the files of a BERT tokenizer: tokenizer.json, tokenizer_config.json"):
        kind = CONFIG_MAPPING[config["model_type"]]
        named = kind.from_dict({"tokenizer_class": config.get("tokenizer_class")})
        own = AutoTokenizer.from_pretrained(folder, config=named, local_files_only=True, trust_remote_code=False)
    if not isinstance(own, TokenizersBackend):
        raise CheckpointError(f"AutoTokenizer makes a {type(own).__name__} of {listing(folder)}: {ADVICE}")
    return own


def check_class(config: Mapping[str, Any], settings: Mapping[str, Any], findings: Findings) -> None:
    """Find out whether the bundle can stand for the tokenizer's class; each reason against it becomes a problem."""
    file, stated = stated_class(config, settings)
    if stated is not None and not is_supported(stated):
        findings.problems.append(f"{file} says tokenizer_class {shown(stated)}: {ADVICE}")
    code = config.get("auto_map")
    if isinstance(code, Mapping) and code.get("AutoTokenizer"):
        findings.problems.append(
            f"config.json says auto_map AutoTokenizer {shown(code['AutoTokenizer'])}: the tokenizer is code of the "
            f"checkpoint's author, which is never run; {ADVICE}"
        )


def stated_class(config: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[str, Any]:
    """The file that names the tokenizer's class, and what it says: tokenizer_config.json goes first."""
    if settings.get("tokenizer_class"):
        return "tokenizer_config.json", settings["tokenizer_class"]
    return "config.json", config.get("tokenizer_class") or None


def is_supported(name: object) -> bool:
    """Whether a class is BERT's tokenizer, or one that reads a tokenizer.json."""
    known = (*WORD_PIECE_CLASSES, *JSON_CLASSES)
    return isinstance(name, str) and (name in VERBATIM_CLASSES or name.removesuffix("Fast") in known)


def _check_files(folder: Path, config: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """transformers 5 makes a tokenizer of five tokens, without a word, where there is no vocabulary."""
    if (folder / "tokenizer.json").is_file():
        return
    if not (folder / "vocab.txt").is_file():
        raise CheckpointError(
            f"no tokenizer: found {listing(folder)}; expected tokenizer.json or vocab.txt beside config.json"
        )
    file, stated = stated_class(config, settings)
    if stated in VERBATIM_CLASSES or str(stated).removesuffix("Fast") in JSON_CLASSES:
        raise CheckpointError(
            f"{file} says tokenizer_class {stated}, which reads tokenizer.json, and the folder has only vocab.txt; add "
            "tokenizer.json, or set tokenizer_class to BertTokenizer"
        )
