"""Read the files of a checkpoint that lies on this machine, problems of all files at once, then its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from transformers import BertConfig, PreTrainedModel

from bert_export.checkpoint.adapter import adapter_weights, with_head_of
from bert_export.checkpoint.architecture import architectures, build_config, config_file, read_config, task_of
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.folder import Folder
from bert_export.checkpoint.model import drop_pooler, finish, gate, load_base
from bert_export.checkpoint.quiet import offline, quiet
from bert_export.checkpoint.sentence import SentenceSettings, read_sentence_settings
from bert_export.checkpoint.settings import Known, LoadOptions, head_settings
from bert_export.checkpoint.source import Places
from bert_export.checkpoint.tokenizer import TokenizerFile, read_tokenizer
from bert_export.checkpoint.values import AnyTask, Checkpoint, Provenance
from bert_export.checkpoint.weights import MODEL_FILES, digests, find_weights, weight_names
from bert_runtime.tasks.task import HeadSettings, Reads


@dataclass(frozen=True)
class _Facts:
    """What the files say before any weight is loaded."""

    task: AnyTask
    raw: Mapping[str, Any]
    config: BertConfig
    settings: HeadSettings
    tokenizer: TokenizerFile


def read(
    places: Places, task: AnyTask | None, options: LoadOptions, tasks: Sequence[AnyTask], findings: Findings
) -> Checkpoint:
    """The checkpoint at `places`; see `bert_export.checkpoint.load`."""
    adapter = places.adapter
    raw = read_config(places.model.path, findings)
    task = task or task_of(raw, adapter.path if adapter else None, tasks)
    raw = with_head_of(adapter.path, raw) if adapter else raw
    with quiet(), offline():
        facts = _facts(places.model, raw, task, options, findings)
        model, sums = _proven_model(places, facts, options, findings)
    return Checkpoint(
        task,
        model,
        facts.config,
        facts.settings,
        facts.tokenizer,
        _bundle_files(facts),
        tuple(findings.notes),
        Provenance(places.name, places.model.revision, adapter.name if adapter else None, *sums, _versions(adapter)),
    )


def _bundle_files(facts: _Facts) -> dict[str, str]:
    """File name -> content of what makes the bundle load in AutoConfig and AutoTokenizer."""
    return {
        "config.json": config_file(facts.config, facts.settings),
        "tokenizer.json": facts.tokenizer.json,
        "tokenizer_config.json": facts.tokenizer.config,
    }


def _facts(folder: Folder, raw: Mapping[str, Any], task: AnyTask, options: LoadOptions, findings: Findings) -> _Facts:
    """Read the settings and the tokenizer; raises CheckpointError with the problems of all of them."""
    config = settings = tokenizer = None
    with findings.collecting():
        config = build_config(raw, task, findings)
    sentence: SentenceSettings | None = None
    if "pooling" in task.settings:
        with findings.collecting():
            sentence = read_sentence_settings(folder.path, findings)
    if config is not None:
        settings = head_settings(task.settings, Known(raw, config, sentence, options), findings)
        with findings.collecting():
            length = options.max_length or (sentence.max_length if sentence else None)
            tokenizer = read_tokenizer(folder.path, config.max_position_embeddings, length, findings)
            _check_fit(tokenizer, config, task, findings)
    with findings.collecting():
        weight_names(find_weights(folder.path, MODEL_FILES), findings)
    findings.check()
    assert config is not None  # else there was a problem, and check() has raised
    assert settings is not None
    assert tokenizer is not None
    return _Facts(task, raw, config, settings, tokenizer)


def _check_fit(tokenizer: TokenizerFile, config: BertConfig, task: AnyTask, findings: Findings) -> None:
    """Whether every id of the tokenizer has an embedding, and the task the tokens and types it needs."""
    if tokenizer.size > config.vocab_size:
        findings.problems.append(
            f"the tokenizer has ids up to {tokenizer.size - 1}, the model {config.vocab_size} embeddings; "
            "expected ids below it: give the tokenizer that the model was trained with"
        )
    if task.reads is Reads.MASKED_POSITIONS and tokenizer.mask_id is None:
        findings.problems.append(
            f"the tokenizer has no [MASK], expected one for {task.name}: give the model's own tokenizer"
        )
    if config.type_vocab_size < 2:
        findings.notes.append("type_vocab_size is 1: this model cannot be asked about two texts at once")


def _proven_model(
    places: Places, facts: _Facts, options: LoadOptions, findings: Findings
) -> tuple[PreTrainedModel, tuple[dict[str, str], dict[str, str]]]:
    """The model past the checkpoint gate, and the digests of its files and of the adapter's."""
    folder, adapter = places.model, places.adapter
    files, supplied = adapter_weights(adapter.path, findings) if adapter else ((), set[str]())
    findings.check()
    model, loaded = load_base(folder.path, facts.task.model_class, facts.config)
    if facts.settings.pooling not in (None, "pooler"):
        loaded = drop_pooler(model, loaded)
    gate(model, loaded, architectures(facts.raw), supplied, options.allow_random_head, findings)
    model = finish(model, adapter.path if adapter else None, findings)
    return model, (digests(find_weights(folder.path, MODEL_FILES)), digests(files))


def _versions(adapter: Folder | None) -> dict[str, str]:
    names = ["torch", "transformers", "tokenizers", "safetensors"] + (["peft"] if adapter else [])
    return {name: version(name) for name in names}
