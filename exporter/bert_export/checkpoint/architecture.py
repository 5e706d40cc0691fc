"""What config.json says the checkpoint is: which class, hence which task, and whether this exporter can serve it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, PreTrainedConfig

from bert_export.checkpoint.activation import MODULES
from bert_export.checkpoint.config_keys import for_transformers, keys_of, value_problems
from bert_export.checkpoint.findings import Findings, listing, read_object, reading
from bert_export.checkpoint.foreign import check_foreign_code
from bert_export.checkpoint.keys import account, shown
from bert_export.checkpoint.printable import printable
from bert_export.checkpoint.values import AnyTask
from bert_export.errors import CheckpointError
from bert_export.families import BY_NAME, FAMILIES, Family
from bert_export.families.bert import BERT
from bert_runtime.tasks.task import HeadSettings

SPLIT = (
    "config.json says model_type 'encoder-decoder', which is two models in one checkpoint. Split it: "
    "m = EncoderDecoderModel.from_pretrained(DIR); m.encoder.save_pretrained(ENC); m.decoder.save_pretrained(DEC); "
    "save the tokenizer in both; export ENC as feature-extraction and DEC as text-generation, then bert-run DECODER "
    "--encoder ENCODER (a model with enc_to_dec_proj, of two widths, is not supported)"
)
# Files that tell what else a directory is -> what to do with it.
OLD_FILES = {
    "*.ckpt.index": ": this is a checkpoint of TensorFlow; convert it with transformers 4, which has "
    "BertForPreTraining.from_pretrained(DIR, from_tf=True, config=…)",
    "bert_config.json": ': rename bert_config.json, and add "model_type": "bert" and the class, as in '
    '"architectures": ["BertForSequenceClassification"]',
    "*.ckpt": ": this is a trainer's own file; load it with its class, and use save_pretrained on the BERT inside",
}
# PEFT's names of tasks -> ours.
ADAPTER_TASKS = {
    "SEQ_CLS": "text-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "CAUSAL_LM": "text-generation",
    "FEATURE_EXTRACTION": "feature-extraction",
}


def read_config(folder: Path, findings: Findings) -> dict[str, Any]:
    """The content of config.json, once it is known to describe a model of one of the families.

    Raises:
        CheckpointError: no config.json, a PEFT adapter in place of a model, or another model type.
    """
    if (folder / "adapter_config.json").is_file():
        # transformers would silently load the base model that the adapter names, from wherever that is
        raise CheckpointError(
            "the model's directory holds a PEFT adapter; give it as the adapter, and its base as the model"
        )
    if not (folder / "config.json").is_file():
        fix = next((fix for name, fix in OLD_FILES.items() if any(folder.glob(name))), "")
        raise CheckpointError(
            f"no config.json: found {listing(folder)}; expected a directory written by save_pretrained{fix}"
        )
    raw = read_object(folder / "config.json")
    kind = raw.get("model_type")
    known = ", ".join(f"{family.name!r}" for family in FAMILIES)
    if kind is None and any(name.startswith(BERT.class_prefix) for name in architectures(raw)):
        findings.notes.append(f"config.json names no model_type: read as {BERT.name}, as its architectures say")
        raw["model_type"] = BERT.name
    elif kind == "encoder-decoder":
        raise CheckpointError(SPLIT)
    elif kind is None:
        raise CheckpointError(
            "config.json names no model_type, nor architectures that begin with Bert; expected model_type 'bert': add "
            f"it if the weights are a BERT's, or that of another family: {known}"
        )
    elif not isinstance(kind, str) or kind not in BY_NAME:
        raise CheckpointError(
            f"config.json says model_type {printable(repr(kind), 80)}, expected one of {known}: no other model is "
            "supported"
        )
    return raw


def architectures(raw: Mapping[str, Any]) -> list[str]:
    """The class names in config.json."""
    names = raw.get("architectures")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def family_of(raw: Mapping[str, Any]) -> Family:
    """The family of a config.json that `read_config` has read."""
    return BY_NAME[raw["model_type"]]


def check_task(family: Family, task: AnyTask) -> None:
    """Raise CheckpointError if the family has no such head that can be exported."""
    if not family.has(task):
        raise CheckpointError(
            f"{family.title} ({family.name}) has no {task.name} here, expected one of {', '.join(family.tasks)}: "
            "pass another --task, or give a checkpoint of a family that has it"
        )


def task_of(raw: Mapping[str, Any], adapter: Path | None, tasks: Sequence[AnyTask]) -> AnyTask:
    """The task whose class the checkpoint was saved as; where there is an adapter, the task it was trained for.

    Raises:
        CheckpointError: nothing says it, or no task has that class.
    """
    family = family_of(raw)
    classes = {family.model_class(task): task for task in tasks if family.has(task)}
    if adapter is None:
        names, where = architectures(raw), "architectures in config.json"
    else:
        kind = read_object(adapter / "adapter_config.json").get("task_type")
        asked = ADAPTER_TASKS.get(str(kind))
        names = [name for name, task in classes.items() if task.name == asked]
        where = f"task_type {kind!r} in adapter_config.json"
    found = next((classes[name] for name in classes if name in names), None)
    if found is None:
        said = ", ".join(filter(None, names)) or "none that is known"
        known = ", ".join(f"{task.name} ({name})" for name, task in classes.items())
        raise CheckpointError(f"the task cannot be told from {where}: got {said}; the tasks are {known}: pass --task")
    return found


def build_config(
    raw: Mapping[str, Any], task: AnyTask, ignore_auto_map: bool, findings: Findings
) -> PreTrainedConfig | None:
    """The configuration for the task's class, of the keys that decide answers alone; None where there are problems.

    Raises:
        CheckpointError: values that transformers refuses.
    """
    found, family = Findings(), family_of(raw)
    account(keys_of(family), raw, found)
    found.problems += [*value_problems(raw, family), *_decoder_problems(raw, task), *_one_label_problems(raw)]
    if raw.get("position_embedding_type") not in (None, "absolute"):
        found.problems.append(
            f"position_embedding_type is {shown(raw['position_embedding_type'])}, expected 'absolute', the only kind "
            "left"
        )
    check_foreign_code(raw, ignore_auto_map, found)
    findings.add(found)
    if found.problems:
        return None
    kept = for_transformers(family)
    values = {key: value for key, value in raw.items() if key in kept}
    if task.is_autoregressive or "is_decoder" in kept:
        values["is_decoder"] = task.is_autoregressive
    with reading("config.json", f"expected the configuration of a {family.title}: correct it"):
        kind = CONFIG_MAPPING[family.name]
        config: PreTrainedConfig = kind.from_dict({**values, "architectures": [family.model_class(task)]})
        return config


def _one_label_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    names, number = raw.get("id2label"), raw.get("num_labels")
    count = len(names) if isinstance(names, dict) and names else number
    if raw.get("problem_type") == "single_label_classification" and count == 1:
        yield (
            "problem_type is single_label_classification with one label, whose softmax is 1 for every text; expected "
            "multi_label_classification for a probability (the sigmoid of the logit), or regression for the logit: "
            "correct config.json"
        )


def _decoder_problems(raw: Mapping[str, Any], task: AnyTask) -> Iterator[str]:
    decoder = task.is_autoregressive
    if decoder and not raw.get("is_decoder"):
        yield (
            f"config.json does not say is_decoder, expected true for {task.name}: an encoder, which reads both sides "
            "of a token, writes noise from left to right; give a decoder, or set is_decoder if it was trained as one"
        )
    if not decoder and raw.get("is_decoder"):
        yield f"config.json says is_decoder, expected false for {task.name}: such a model reads only what comes before"
    elif not decoder and raw.get("add_cross_attention"):
        yield (
            f"config.json says add_cross_attention, expected false for {task.name}: only a decoder, one with "
            "is_decoder, reads an encoder; remove it, or export the model as text-generation"
        )


def config_file(config: PreTrainedConfig, settings: HeadSettings) -> str:
    """config.json for the bundle: what AutoConfig needs to rebuild the class, with the labels written out."""
    values = {key: value for key, value in config.to_dict().items() if key != "_name_or_path" and value is not None}
    if settings.labels:
        values["id2label"] = dict(enumerate(settings.labels))
        values["label2id"] = {label: i for i, label in enumerate(settings.labels)}
    if settings.problem_type:
        values["problem_type"] = settings.problem_type
        if settings.problem_type == "single_label_classification" and len(settings.labels) == 1:
            del values["problem_type"]  # transformers has none for a cross-encoder, and refuses this one
    if settings.activation:
        values["sentence_transformers"] = {"activation_fn": MODULES[settings.activation]}
    return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
