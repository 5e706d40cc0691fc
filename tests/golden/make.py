"""Makes the golden bundles of the format: `python tests/golden/make.py [NAME ...]`. Needs torch, transformers.

Each is a model of 2 layers and hidden size 16 with seeded random weights, exported as a user would, and beside it what
torch gives for a few requests: the inputs of every row, its outputs, and the answer decoded from them. A golden bundle
is committed once for each version of the format, with what that version brought, and never changed: later runtimes must
still read it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import CONFIG_MAPPING, DynamicCache, EncoderDecoderCache, PreTrainedModel

from bert_export.exporting import export
from bert_export.families import Family, find_family
from bert_export.options import ExportOptions
from bert_export.verify.reference import Reference
from bert_runtime import bundle as bundles
from bert_runtime import manifest_json
from bert_runtime.schedule import collate, split
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Outputs
from bert_runtime.tasks.text_generation import (
    Continuation,
    EncoderStates,
    Prompt,
    TextGenerationHead,
    TextGenerationRequest,
)
from bert_runtime.text import TextEncoder

FOLDER = Path(__file__).parent
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PIECES = (*LETTERS, *(f"##{letter}" for letter in LETTERS), "the", "a", "film", "good", "bad", "!", ".")
MAX_LENGTH = 32


@dataclass(frozen=True)
class Golden:
    """One bundle: its task, the targets it is exported for, its labels, and the requests that it answers.

    A decoder may read an encoder; then its requests have sources.

    Attributes:
        variety: what sets it apart from another bundle of its task.
        family: what the model is of.
        special: its padding, unknown, first, last and mask token, where they are not BERT's: all types are then 0.
        tokenizer: keys of the manifest's `tokenizer` that are other than usual; a text that the manifest lower-cases is
            not lower-cased by tokenizer.json.
    """

    task: str
    targets: tuple[str, ...]
    requests: tuple[Mapping[str, Any], ...]
    labels: tuple[str, ...] = ()
    reads_encoder: bool = False
    variety: str = ""
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    family: str = "bert"
    special: tuple[str, ...] = SPECIAL

    @property
    def name(self) -> str:
        """Of the bundle's folder: its task, and after it what sets it apart."""
        return f"{self.task}-{self.variety}" if self.variety else self.task


HIDDEN = 16


def source(tokens: int, seed: int, mask: Sequence[int] | None = None) -> dict[str, Any]:
    """Random states of a text, in few digits; with a mask where there is one."""
    states = np.random.default_rng(seed).standard_normal((tokens, HIDDEN)).round(2).tolist()
    return {"hidden": states} if mask is None else {"hidden": states, "mask": list(mask)}


GOLDENS = (
    Golden(
        "text-classification",
        ("portable",),
        (
            {"text": "The film."},
            {"text": "A good film!"},
            {"text": "a bad, bad film xyz"},
            {"text": "A café 🎬?", "text_pair": "the good film", "top_k": 2},
            {"text": "bad " * 40},
        ),
        ("bad", "good", "neither"),
    ),
    Golden(
        "text-classification",
        ("openvino",),
        (
            {"text": "The film."},
            {"text": "A café 🎬?", "text_pair": "the good film", "top_k": 2},
        ),
        ("bad", "good", "neither"),
        variety="shared-rows",
    ),
    Golden(
        "text-classification",
        ("cpu",),
        (
            {"text": "The FILM."},
            {"text": "A \u0130 Good FILM!", "text_pair": "THE BAD \u03a3 film"},
            {"text": "bad " * 40 + "GOOD film"},
            {"text": "A GOOD film " * 9, "text_pair": "The Bad Film. " * 4 + "b!", "top_k": 2},
        ),
        ("bad", "good", "neither"),
        variety="tokenizer-settings",
        tokenizer={"truncation_side": "left", "pair_type_ids": (0, 0), "lower_case": True},
    ),
    Golden(
        "token-classification",
        ("cpu",),
        (
            {"text": "A good film of Ada Bee."},
            {"text": "Zoë saw the film! 🎬", "aggregation": "first"},
            {"text": "the good film the bad film " * 12, "stride": 4},
            {"text": ""},
        ),
        ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    ),
    Golden(
        "question-answering",
        ("cpu", "portable"),
        (
            {"question": "a good film?", "context": "The good film. A bad film!", "top_k": 3},
            {"question": "Zoë?", "context": "the café of Zoë is good. " * 8, "top_k": 2, "doc_stride": 6},
            {"question": "film?", "context": "a bad film", "handle_no_answer": True},
        ),
    ),
    Golden(
        "fill-mask",
        ("cpu",),
        (
            {"text": "The [MASK] film."},
            {"text": "A [MASK] film, the [MASK]!", "top_k": 3},
            {"text": "the film is [MASK].", "targets": ["good", "bad"]},
        ),
    ),
    Golden(
        "pretraining",
        ("cpu",),
        (
            {"text": "The [MASK] film."},
            {"text": "The film.", "next_text": "A good film!"},
            {"text": "the [MASK]", "next_text": "a [MASK] [MASK].", "top_k": 2},
        ),
    ),
    Golden(
        "next-sentence-prediction",
        ("cpu",),
        ({"text": "The film.", "next_text": "A good film!"}, {"text": "bad " * 30, "next_text": "Zoë 🎬"}),
    ),
    Golden(
        "multiple-choice",
        ("cpu",),
        (
            {"prompt": "The film is", "choices": ["good.", "a bad, bad film"]},
            {"prompt": "a", "choices": ["", "b", "c d e f", "Zoë"]},
            {"prompt": "the", "choices": ["film"]},
        ),
    ),
    Golden(
        "text-generation",
        ("cpu", "portable"),
        (
            {"prompt": "A good", "max_new_tokens": 12, "repetition_penalty": 1.3},
            {"prompt": "the bad, bad film", "max_new_tokens": 8, "num_beams": 3, "num_return_sequences": 2},
            {"prompt": "a film", "max_new_tokens": 9, "num_beams": 4, "repetition_penalty": 1.4},
            {"prompt": "Zoë 🎬", "max_new_tokens": 6, "repetition_penalty": 1.5, "special_tokens": "none"},
            {"prompt": "", "max_new_tokens": 5},
        ),
    ),
    Golden(
        "text-generation",
        ("cpu", "portable"),
        (
            {"prompt": "", "source": source(3, 0), "max_new_tokens": 6, "repetition_penalty": 1.3},
            {
                "prompt": "A good",
                "source": source(1, 1),
                "max_new_tokens": 5,
                "num_beams": 3,
                "num_return_sequences": 2,
            },
            {"prompt": "the", "source": source(5, 2, [0, 1, 1, 0, 1]), "max_new_tokens": 6, "repetition_penalty": 1.5},
        ),
        reads_encoder=True,
        variety="from-source",
    ),
    Golden(
        "token-classification",
        ("cuda",),
        (
            {"text": "A good film of Ada Bee."},
            {"text": "the good film the bad film " * 12, "stride": 4},
        ),
        ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
        variety="by-mask",
    ),
    Golden("feature-extraction", ("cpu",), ({"text": "A good film!"}, {"text": ""}, {"text": "the café 🎬 " * 20})),
    Golden(
        "text-classification",
        ("cpu", "openvino"),
        (
            {"text": "The film."},
            {"text": "A café 🎬?", "text_pair": "the good film", "top_k": 2},
            {"text": "bad " * 40},
        ),
        ("bad", "good", "neither"),
        variety="without-types",
        family="distilbert",
    ),
    Golden(
        "fill-mask",
        ("cpu",),
        (
            {"text": "The <mask> film."},
            {"text": "A <mask> film, the <mask>!", "top_k": 3},
            {"text": "the film is <mask>.", "targets": ["good", "bad"]},
        ),
        variety="named-tokens",
        family="mpnet",
        special=("<pad>", "[UNK]", "<s>", "</s>", "<mask>"),
    ),
)


def main(names: Sequence[str]) -> None:
    """Write golden bundles of the current version, all if none is named, and what torch answers beside each."""
    for golden in (each for each in GOLDENS if not names or each.name in names):
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / f"tiny-{golden.name}"
            model, made = save_checkpoint(checkpoint, golden), Path(folder) / golden.name
            export(ExportOptions(str(checkpoint), golden.task, output=made, targets=golden.targets))
            set_tokenizer(made, golden.tokenizer)
            output = FOLDER / f"v{bundles.read(made).manifest.version}" / golden.name
            shutil.rmtree(output, ignore_errors=True)
            shutil.copytree(made, output)
        expected = continuations if find_task(golden.task).is_autoregressive else expectations
        cases = [json.dumps(case, ensure_ascii=False) for case in expected(golden, output, model)]
        output.with_suffix(".json").write_text("[\n" + ",\n".join(cases) + "\n]\n", encoding="utf-8")


def save_checkpoint(folder: Path, golden: Golden) -> PreTrainedModel:
    """Save a seeded model of the task's class, with its tokenizer; return the model."""
    torch.manual_seed(0)
    family, task = find_family(golden.family), find_task(golden.task)
    config = CONFIG_MAPPING[family.name](**_sizes(golden, family))
    model: PreTrainedModel = getattr(transformers, family.model_class(task))(config)
    model.train(False)
    model.save_pretrained(folder)
    is_cased = bool(golden.tokenizer.get("lower_case"))
    _tokenizer(golden, is_cased).save(str(folder / "tokenizer.json"))
    content = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": not is_cased, "model_max_length": MAX_LENGTH}
    if golden.special is not SPECIAL:
        names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        content = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH}
        content |= dict(zip(names, golden.special, strict=True))
        content["model_input_names"] = ["input_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(content), encoding="utf-8")
    return model


def _sizes(golden: Golden, family: Family) -> dict[str, Any]:
    """The configuration's values, under the family's names."""
    labels = golden.labels or ("LABEL_0", "LABEL_1")
    values: dict[str, Any] = {
        "vocab_size": len(golden.special) + len(PIECES),
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": MAX_LENGTH,
        "initializer_range": 0.5,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "problem_type": "single_label_classification",
    }
    if family.has(find_task("text-generation")):
        values["is_decoder"] = find_task(golden.task).is_autoregressive
        values["add_cross_attention"] = golden.reads_encoder
    values["max_position_embeddings"] += family.position_offset(CONFIG_MAPPING[family.name]())
    return {family.config.of(name): value for name, value in values.items()}


def set_tokenizer(output: Path, keys: Mapping[str, Any]) -> None:
    """Give the manifest's `tokenizer` other values."""
    path = output / manifest_json.NAME
    manifest = manifest_json.parse(path.read_bytes())
    record = dataclasses.replace(manifest.tokenizer, **keys)
    path.write_bytes(manifest_json.render(dataclasses.replace(manifest, tokenizer=record)))


def expectations(golden: Golden, output: Path, model: PreTrainedModel) -> list[dict[str, Any]]:
    """For each request: the inputs and torch's outputs of every row, and the answer decoded from them."""
    task, manifest = find_task(golden.task), bundles.read(output).manifest
    text = TextEncoder.from_file(output / manifest.tokenizer.file, manifest.tokenizer)
    head, specs = task.head(text, manifest.settings), task.graph_outputs()
    reference = Reference(model, task, manifest.settings, plain=False)
    cases = []
    for request in golden.requests:
        checked = task.request.from_record(request)
        encoded = head.encode(checked)
        names = [spec.name for spec in manifest.artefacts[0].inputs]
        collated = [collate([row], text.pad_id) for row in encoded.features]
        inputs = [{name: arrays[name] for name in names} for arrays in collated]
        rows = [
            split(reference.run(feeds), [row], specs)[0] for feeds, row in zip(inputs, encoded.features, strict=True)
        ]
        answer = dataclasses.asdict(head.decode(checked, encoded, rows))
        pairs = zip(inputs, rows, strict=True)
        cases.append({"request": request, "rows": [_row(*pair) for pair in pairs], "answer": answer})
    found: list[dict[str, Any]] = json.loads(json.dumps(cases, default=_plain))
    return found


def continuations(golden: Golden, output: Path, model: PreTrainedModel) -> list[dict[str, Any]]:
    """For each request: torch's outputs for its last tokens after the others, and what transformers' generate adds."""
    task, manifest = find_task(golden.task), bundles.read(output).manifest
    text = TextEncoder.from_file(output / manifest.tokenizer.file, manifest.tokenizer)
    head = TextGenerationHead(text, manifest.settings)
    reference = Reference(model, task, manifest.settings, plain=False)
    cases = []
    for record in golden.requests:
        request = TextGenerationRequest.from_record(record)
        prompt = head.encode(request)
        if isinstance(request.encoder_text, EncoderStates):
            prompt = dataclasses.replace(prompt, source=request.encoder_text)
        rows = [_cached_row(reference, prompt)] if len(prompt.ids) > 1 else []
        answer = dataclasses.asdict(head.result(prompt, generated(model, request, prompt, text.pad_id)))
        cases.append({"request": record, "rows": rows, "answer": answer})
    found: list[dict[str, Any]] = json.loads(json.dumps(cases, default=_plain))
    return found


def generated(model: Any, request: TextGenerationRequest, prompt: Prompt, pad_id: int) -> list[Continuation]:
    """What transformers' own `generate` adds to a prompt."""
    ids = torch.from_numpy(prompt.ids)[None]
    given: dict[str, Any] = {name: torch.from_numpy(array) for name, array in _source_feeds(prompt).items()}
    if given:
        given["past_key_values"] = EncoderDecoderCache(DynamicCache(), DynamicCache())
    made = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=request.max_new_tokens,
        num_beams=request.num_beams,
        num_return_sequences=request.num_return_sequences,
        repetition_penalty=request.repetition_penalty,
        do_sample=False,
        eos_token_id=prompt.eos_id,
        pad_token_id=pad_id,
        return_dict_in_generate=True,
        output_scores=True,
        **given,
    )
    scores = made.sequences_scores.tolist() if request.num_beams > 1 else [None] * len(made.sequences)
    found = []
    for sequence, score in zip(made.sequences.tolist(), scores, strict=True):
        new = sequence[len(prompt.ids) :]
        end = new.index(prompt.eos_id) + 1 if prompt.eos_id in new else len(new)
        found.append(Continuation(tuple(new[:end]), score))
    return found


def _source_feeds(prompt: Prompt) -> dict[str, np.ndarray[Any, Any]]:
    """An encoder's states and mask as one row; nothing for a prompt without a source."""
    if not isinstance(prompt.source, EncoderStates):
        return {}
    return {"encoder_hidden_states": prompt.source.hidden[None], "encoder_attention_mask": prompt.source.mask[None]}


def _cached_row(reference: Reference, prompt: Prompt) -> dict[str, Any]:
    """The graph's inputs and outputs for the second half of a prompt, with the first in the cache."""
    ids, source = prompt.ids[None], _source_feeds(prompt)
    half, mask = ids.shape[1] // 2, np.ones_like(ids)
    first = reference.run_cached({"input_ids": ids[:, :half], "attention_mask": mask[:, :half], **source})
    past = {name.replace("present", "past_key_values"): kept for name, kept in first.items() if "present" in name}
    inputs: dict[str, np.ndarray[Any, Any]] = {"input_ids": ids[:, half:], "attention_mask": mask, **past}
    outputs = reference.run_cached({**inputs, **source})
    outputs["logits"] = outputs["logits"][:, -1]
    cross = {name: outputs.pop(name) for name in list(outputs) if name.startswith("cross_key_values")}
    if source:
        inputs |= {"encoder_attention_mask": source["encoder_attention_mask"], **cross}
    return {
        "inputs": {name: array[0] for name, array in inputs.items()},
        "outputs": {name: array[0] for name, array in outputs.items()},
    }


def _row(inputs: Mapping[str, np.ndarray[Any, Any]], outputs: Outputs) -> dict[str, Any]:
    return {"inputs": {name: array[0] for name, array in inputs.items()}, "outputs": outputs}


def _plain(value: np.ndarray[Any, Any] | np.generic) -> object:
    """Arrays as lists, and numbers in the fewest digits that give the same float32."""
    if isinstance(value, np.ndarray):
        return list(value)
    return float(str(value)) if isinstance(value, np.floating) else value.item()


def _tokenizer(golden: Golden, is_cased: bool) -> Tokenizer:
    pad, unknown, start, end, mask = golden.special
    # The class of MPNet reads padding as id 1.
    special = golden.special if golden.special is SPECIAL else (start, pad, end, unknown, mask)
    ids = {token: i for i, token in enumerate((*special, *PIECES))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not is_cased)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1" if special is SPECIAL else f"{start} $A {end} {end} $B {end}",
        special_tokens=[(token, ids[token]) for token in (start, end)],
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(special))
    return tokenizer


if __name__ == "__main__":
    main(sys.argv[1:])
