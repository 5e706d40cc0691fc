"""Read the files of a checkpoint that lies on this machine, problems of all files at once, then its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from bert_export.checkpoint.activation import with_cross_encoder
from bert_export.checkpoint.adapter import Adapter, note_base, with_head_of
from bert_export.checkpoint.architecture import (
    architectures,
    build_config,
    check_task,
    config_file,
    family_of,
    read_config,
    task_of,
)
from bert_export.checkpoint.dense import read_dense
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.folder import Folder
from bert_export.checkpoint.labels import with_labels
from bert_export.checkpoint.layout import Layout, lay_out
from bert_export.checkpoint.left_out import check_left_out
from bert_export.checkpoint.location import Places
from bert_export.checkpoint.merging import check_kind
from bert_export.checkpoint.model import drop_pooler, finish, gate, load_base
from bert_export.checkpoint.quiet import offline, quiet
from bert_export.checkpoint.sentence import SentenceSettings, read_sentence_settings, step_of_tokens
from bert_export.checkpoint.settings import Known, LoadOptions, head_settings
from bert_export.checkpoint.shapes import check_names, check_sizes, label_rows
from bert_export.checkpoint.text_gate import TextGateReport, prove_same_ids
from bert_export.checkpoint.tokenizer import ModelFacts, ReadTokenizer, TokenizerFile, TokenizerFolders, read_tokenizer
from bert_export.checkpoint.values import AnyTask, Checkpoint, Provenance
from bert_export.checkpoint.weights import MODEL_FILES, Saved, digests, find_weights, note_second_weights, read_header
from bert_export.families import find_family
from bert_export.families.family import DENSE_LAYERS
from bert_runtime.tasks.task import HeadSettings, Reads


@dataclass(frozen=True)
class _Facts:
    """What the files say before any weight is loaded.

    Attributes:
        task: the task asked for, or the one found.
        layout: which directory each file is read from.
        raw: config.json as written, with the labels settled.
        base: the configuration of the model's own weights.
        config: that of the model with the adapter merged, which may have more tokens.
        settings: what the head needs.
        tokenizer: the tokenizer's file and facts.
        dense: the folders of dense layers after the pooling.
    """

    task: AnyTask
    layout: Layout
    raw: Mapping[str, Any]
    base: PreTrainedConfig
    config: PreTrainedConfig
    settings: HeadSettings
    tokenizer: ReadTokenizer
    dense: tuple[Path, ...] = ()


def read(
    places: Places, task: AnyTask | None, options: LoadOptions, tasks: Sequence[AnyTask], findings: Findings
) -> Checkpoint:
    """The checkpoint at `places`; see `bert_export.checkpoint.load`."""
    layout = lay_out(places, findings)
    adapter = layout.adapter
    raw = with_cross_encoder(places.model.path, read_config(layout.model, findings))
    task = task or task_of(raw, adapter.folder if adapter else None, tasks)
    check_task(family_of(raw), task)
    if adapter and places.adapter:
        check_kind(adapter, findings)
        note_base(adapter, places.model, raw, findings)
        raw = with_cross_encoder(places.adapter.path, with_head_of(adapter, raw))
    check_left_out(places.model.path, "labels" in task.settings, findings)
    with quiet(), offline():
        facts = _facts(layout, raw, task, options, findings)
        files = _bundle_files(facts)
        text = _proven_text(facts, files)
        model = _proven_model(facts, options, findings)
    return Checkpoint(
        task,
        model,
        facts.config,
        facts.settings,
        facts.tokenizer.file,
        files,
        tuple(findings.notes),
        _provenance(places, layout, findings),
        text,
    )


def _provenance(places: Places, layout: Layout, findings: Findings) -> Provenance:
    adapter = places.adapter
    return Provenance(
        places.name,
        places.model.revision,
        adapter.name if adapter else None,
        digests(find_weights(layout.model, MODEL_FILES)),
        digests(layout.adapter.files if layout.adapter else ()),
        _versions(adapter),
        dict(findings.read),
    )


def _bundle_files(facts: _Facts) -> dict[str, str]:
    """File name -> content of what makes the bundle load in AutoConfig and AutoTokenizer."""
    return {
        "config.json": config_file(facts.config, facts.settings),
        "tokenizer.json": facts.tokenizer.file.json,
        "tokenizer_config.json": facts.tokenizer.file.config,
    }


def _proven_text(facts: _Facts, files: Mapping[str, str]) -> TextGateReport:
    """The text gate, on its own texts and on those of the task's examples."""
    tokenizer, config = facts.tokenizer, facts.config
    examples = facts.task.examples_for(tokenizer.file.encoder())
    return prove_same_ids(tokenizer, config.vocab_size, family_of(facts.raw).types(config), files, examples)


def _facts(layout: Layout, raw: Mapping[str, Any], task: AnyTask, options: LoadOptions, findings: Findings) -> _Facts:
    """Read the settings and the tokenizer; raises CheckpointError with the problems of all of them."""
    settings = tokenizer = None
    raw, base = _base_config(layout, raw, task, options, findings)
    config = _with_vocabulary(base, layout.adapter)
    sentence: SentenceSettings | None = None
    if "pooling" in task.settings:
        with findings.collecting():
            sentence = read_sentence_settings(layout.sentence, findings)
    if config is not None:
        settings = head_settings(task.settings, Known(raw, config, sentence, options), findings)
        findings.notes += task.remarks(settings)
        with findings.collecting():
            family = family_of(raw)
            known = ModelFacts(raw, config.vocab_size, family.longest(config), family.types(config))
            folders = TokenizerFolders(layout.tokenizer, step_of_tokens(layout.sentence, "pooling" in task.settings))
            tokenizer = read_tokenizer(folders, known, options.max_length, findings)
            _check_fit(tokenizer.file, config, task, findings)
    findings.check()
    assert base is not None  # else there was a problem, and check() has raised
    assert config is not None
    assert settings is not None
    assert tokenizer is not None
    return _Facts(task, layout, raw, base, config, settings, tokenizer, sentence.dense if sentence else ())


def _base_config(
    layout: Layout, raw: Mapping[str, Any], task: AnyTask, options: LoadOptions, findings: Findings
) -> tuple[Mapping[str, Any], PreTrainedConfig | None]:
    """config.json with the labels settled, and the configuration made of it, once the weights are known to fit it."""
    saved: Mapping[str, Saved] = {}
    is_named = False
    with findings.collecting():
        files = find_weights(layout.model, MODEL_FILES)
        note_second_weights(layout.model, files, findings)
        saved = read_header(files, findings)
        is_named = bool(saved) and check_names(saved, family_of(raw), findings)
    before = len(findings.problems)
    if "labels" in task.settings:
        own = label_rows(layout.adapter.saved) if layout.adapter else None
        raw = with_labels(raw, own or label_rows(saved), own is not None, findings)
    config = None
    if len(findings.problems) == before:
        with findings.collecting():
            config = build_config(raw, task, options.ignore_auto_map, findings)
    if config is not None and is_named:
        check_sizes(config, family_of(raw), saved, findings)
    return raw, config


def _with_vocabulary(base: PreTrainedConfig | None, adapter: Adapter | None) -> PreTrainedConfig | None:
    """The configuration of the merged model."""
    if base is None or adapter is None or adapter.vocabulary is None:
        return base
    config: PreTrainedConfig = type(base).from_dict({**base.to_dict(), "vocab_size": adapter.vocabulary})
    return config


def _check_fit(tokenizer: TokenizerFile, config: PreTrainedConfig, task: AnyTask, findings: Findings) -> None:
    """Whether every id of the tokenizer has an embedding, and the task the tokens and types it needs."""
    if tokenizer.size > config.vocab_size:
        findings.problems.append(
            f"the tokenizer has ids up to {tokenizer.size - 1}, the model {config.vocab_size} embeddings; "
            "expected ids below it: give the tokenizer that the model was trained with"
        )
    if task.reads is Reads.MASKED_POSITIONS and tokenizer.record.mask_id is None:
        findings.problems.append(
            f"the tokenizer has no [MASK], expected one for {task.name}: give the model's own tokenizer"
        )
    if getattr(config, "type_vocab_size", 2) < 2 and find_family(config.model_type).embeddings.types:
        findings.notes.append(
            "type_vocab_size is 1: every token has type 0, also those of a pair's second text, for which transformers' "
            "tokenizer gives type 1 where model_input_names asks for types"
        )


def _proven_model(facts: _Facts, options: LoadOptions, findings: Findings) -> PreTrainedModel:
    """The model past the checkpoint gate, with the adapter merged."""
    adapter = facts.layout.adapter
    model, loaded = load_base(facts.layout.model, family_of(facts.raw).model_class(facts.task), facts.base)
    if facts.settings.pooling not in (None, "pooler"):
        loaded = drop_pooler(model, loaded)
    supplied = set(adapter.saved) if adapter else set[str]()
    gate(model, loaded, architectures(facts.raw), supplied, options.allow_random_head, findings)
    model = finish(model, adapter, findings)
    if facts.dense:
        width = find_family(model.config.model_type).value(model.config, "hidden_size")
        model.add_module(DENSE_LAYERS, read_dense(facts.dense, width, findings))
        findings.check()
    return model


def _versions(adapter: Folder | None) -> dict[str, str]:
    names = ["torch", "transformers", "tokenizers", "safetensors"] + (["peft"] if adapter else [])
    return {name: version(name) for name in names}
