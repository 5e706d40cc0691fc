"""Each key of config.json that is known: what decides an answer, what decides none, and what stops the export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transformers.activations import ACT2FN

from bert_export.checkpoint.foreign import ATTENTION_KEYS
from bert_export.checkpoint.keys import KnownFile, carried, dropped, ignored, refused, shown
from bert_export.families import Family

MAX_LABELS = 100_000
# What the library adapters writes where there are none.
NO_ADAPTERS: tuple[dict[str, dict[str, str]], ...] = (
    {},
    {"adapters": {}, "config_map": {}, "fusion_config_map": {}, "fusions": {}},
)


@dataclass(frozen=True)
class Number:
    """What a number in config.json may be; a key that is absent has transformers' default."""

    low: float
    high: float
    whole: bool = True
    optional: bool = False

    def problem(self, name: str, value: object) -> str | None:
        """What is wrong with a value."""
        if (value is None and self.optional) or (self._is_kind(value) and self.low <= value <= self.high):  # type: ignore[operator]
            return None
        kind = "a whole number" if self.whole else "a number"
        return f"config.json says {name} {shown(value)}, expected {kind} from {self.low:g} to {self.high:g}: correct it"

    def _is_kind(self, value: object) -> bool:
        return not isinstance(value, bool) and isinstance(value, int if self.whole else int | float)


# The bounds are far above any BERT that was trained: they keep a stranger's number from filling memory.
NUMBERS: Mapping[str, Number] = {
    "vocab_size": Number(1, 5_000_000),
    "hidden_size": Number(1, 65_536),
    "num_hidden_layers": Number(1, 1_000),
    "num_attention_heads": Number(1, 1_024),
    "intermediate_size": Number(1, 500_000),
    "max_position_embeddings": Number(3, 200_000),
    "type_vocab_size": Number(1, 10_000),
    "num_labels": Number(1, MAX_LABELS),
    "layer_norm_eps": Number(0, 1, whole=False),
    "initializer_range": Number(0, 100, whole=False),
    "hidden_dropout_prob": Number(0, 1, whole=False),
    "attention_probs_dropout_prob": Number(0, 1, whole=False),
    "classifier_dropout": Number(0, 1, whole=False, optional=True),
    "pad_token_id": Number(-1, 5_000_000, optional=True),
}

_SIZES = "a size of the weights; within bounds, and equal to what the weights hold"
_OUTPUTS = "which outputs a call returns, and in what container"
_MEMORY = "speed or memory, not the result"
_TRAINING = "for training alone"
_POOLER = "of the original TensorFlow code, which transformers never read"
_TWO_MODELS = "of an encoder and a decoder in one checkpoint"
_GENERATION = "a setting of generate(), which the bundle's caller chooses"
_ATTENTION = "how attention is computed; an implementation that is not transformers' own is refused"
_GENERATE = (
    "max_length",
    "min_length",
    "max_new_tokens",
    "min_new_tokens",
    "do_sample",
    "early_stopping",
    "num_beams",
    "num_beam_groups",
    "diversity_penalty",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "repetition_penalty",
    "encoder_repetition_penalty",
    "length_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "num_return_sequences",
    "output_scores",
    "return_dict_in_generate",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "remove_invalid_values",
    "exponential_decay_length_penalty",
    "suppress_tokens",
    "begin_suppress_tokens",
    "renormalize_logits",
    "sequence_bias",
    "guidance_scale",
    "stop_strings",
    "watermarking_config",
    "decoder_start_token_id",
    "sep_token_id",
    "cls_token_id",
    "mask_token_id",
    "prefix",
    "*assistant_*",
    "*_lookbehind",
)

CONFIG = KnownFile(
    "config.json",
    "The class, the sizes and the labels. Only the keys that decide an answer reach the model's class.",
    (
        carried("model_type", "the family; one that is not there is refused"),
        carried("architectures", "the class, hence the task"),
        *(carried(name, _SIZES) for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")),
        *(carried(name, _SIZES) for name in ("intermediate_size", "max_position_embeddings", "type_vocab_size")),
        carried("hidden_act", "the graph: the activation of the feed-forward part"),
        carried("layer_norm_eps", "the graph"),
        carried("position_embedding_type", "must be absolute, the only kind that transformers still has"),
        carried("is_decoder", "the graph: whether a token sees only what comes before it"),
        carried("add_cross_attention", "the graph: whether a decoder reads an encoder"),
        carried("tie_word_embeddings", "the graph: whether the prediction head shares the embeddings"),
        *(carried(name, "config.json of the bundle") for name in ("pad_token_id", "bos_token_id", "eos_token_id")),
        carried("id2label", "the labels, in the order of the logits"),
        carried("label2id", "the labels, where id2label is missing"),
        carried("num_labels", "the number of labels, where they have no names; without it, the classifier's rows"),
        carried("problem_type", "how logits become labels"),
        *(
            carried(name, "the activation of a cross-encoder's or classifier's logits")
            for name in ("sentence_transformers", "sbert_ce_default_activation_function", "function_to_apply")
        ),
        carried(
            "task_specific_params", "function_to_apply of text classification; other settings of pipelines are not"
        ),
        carried("tokenizer_class", "which tokenizer the checkpoint has, where tokenizer_config.json does not say"),
        carried("auto_map", "refused where it names the model's code, unless --ignore-auto-map is passed"),
        *(
            carried(name, "config.json of the bundle, for training on")
            for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
        ),
        carried("initializer_range", "the values of a head that --allow-random-head permits"),
        refused("transformers_weights", "it names another file of weights; save the model with save_pretrained"),
        refused("quantization_config", "the weights are quantised; expected floating point: give the original", {}),
        refused("compression_config", "the weights are compressed; expected floating point: give the original", {}),
        refused("pruned_heads", "attention heads were cut out, which transformers 5 cannot load; prune nothing", {}),
        refused("per_layer_config", "its layers differ from each other; expected layers of one kind", {}),
        refused(
            "adapters", "the library adapters put layers of its own between BERT's; merge them first", *NO_ADAPTERS
        ),
        dropped("return_dict", _OUTPUTS, True),
        dropped("use_return_dict", _OUTPUTS, True),
        dropped("output_attentions", _OUTPUTS, False),
        dropped("output_hidden_states", _OUTPUTS, False),
        dropped("output_past", _OUTPUTS, True),
        dropped("torchscript", _OUTPUTS, False),
        dropped("use_cache", _MEMORY, True),
        dropped("chunk_size_feed_forward", _MEMORY, 0),
        dropped("low_cpu_mem_usage", _MEMORY),
        dropped("use_bfloat16", _MEMORY, False),
        dropped("xla_device", _MEMORY),
        *(dropped(name, _ATTENTION) for name in ATTENTION_KEYS),
        dropped("_attn_implementation_autoset", _ATTENTION, True, False),
        dropped("*experts_implementation*", "of mixtures of experts"),
        dropped("tie_encoder_decoder", _TWO_MODELS, False),
        dropped("is_encoder_decoder", _TWO_MODELS, False),
        dropped("cross_attention_hidden_size", _TWO_MODELS),
        dropped("gradient_checkpointing", _TRAINING, False),
        dropped("finetuning_task", _TRAINING),
        dropped("_num_labels", "the old spelling of num_labels, which transformers no longer reads"),
        dropped("embedding_size", "of other models: a BERT's embeddings are as wide as its layers"),
        dropped("prediction_heads", "heads of the library adapters", {}),
        dropped("adapter_fusion*", "of the library adapters", {}),
        dropped("custom_pipelines", "names code for pipelines, which is never loaded", {}),
        ignored("directionality", _POOLER),
        ignored("pooler_*", _POOLER),
        *(ignored(name, "a description") for name in ("model_name", "name", "language", "license", "tokenizer_type")),
        ignored("transformers_version", "which version saved it"),
        ignored("_name_or_path", "which model it was trained from; nothing is loaded from there"),
        ignored("_commit_hash", "which revision that was"),
        *(ignored(name, "the type in memory: the export computes in fp32") for name in ("dtype", "torch_dtype")),
        *(ignored(name, _GENERATION) for name in _GENERATE),
    ),
)

# What transformers' class gets under BERT's names; what else is carried is read by us.
_FOR_TRANSFORMERS = (
    *NUMBERS,
    *("hidden_act", "is_decoder", "add_cross_attention", "tie_word_embeddings", "bos_token_id", "eos_token_id"),
    *("id2label", "label2id", "problem_type"),
)


def for_transformers(family: Family) -> frozenset[str]:
    """The keys that the family's configuration gets."""
    return frozenset({*(family.config.of(name) for name in _FOR_TRANSFORMERS), *family.config.more})


def keys_of(family: Family) -> KnownFile:
    """The keys of a family's config.json: its own, and those that all have."""
    renamed = [carried(own, _reason(name)) for name, own in family.config.own.items()]
    own = [carried(name, reason) for name, reason in family.config.more.items()]
    return KnownFile(CONFIG.name, CONFIG.holds, (*renamed, *own, *CONFIG.keys))


def _reason(name: str) -> str:
    key = CONFIG.key(name)
    assert key is not None
    return key.reason


def value_problems(raw: Mapping[str, Any], family: Family) -> Iterator[str]:
    """The values that cannot be right, among them those that would fill memory."""
    for bert, number in NUMBERS.items():
        name = family.config.of(bert)
        problem = number.problem(name, raw[name]) if name in raw else None
        if problem:
            yield problem
    sizes = {family.config.of(name): usual for name, usual in (("hidden_size", 768), ("num_attention_heads", 12))}
    width, heads = (raw.get(name, usual) for name, usual in sizes.items())
    if isinstance(width, int) and isinstance(heads, int) and heads > 0 and width % heads:
        said = " and ".join(f"{name} {raw.get(name, usual)}" for name, usual in sizes.items())
        yield f"config.json says {said}, expected a multiple: correct it"
    pad, vocabulary = raw.get("pad_token_id", 0), raw.get("vocab_size", 30_522)
    if isinstance(pad, int) and isinstance(vocabulary, int) and pad >= vocabulary > 0:
        yield f"config.json says pad_token_id {pad} and vocab_size {vocabulary}, expected an id below it: correct it"
    act = family.config.of("hidden_act")
    if raw.get(act, "gelu") not in list(ACT2FN):
        known = ", ".join(sorted(ACT2FN))
        yield f"config.json says {act} {shown(raw[act])}, expected one of {known}: correct it"
    for name in ("is_decoder", "add_cross_attention", "tie_word_embeddings"):
        if not isinstance(raw.get(name, False), bool):
            yield f"config.json says {name} {shown(raw[name])}, expected true or false: correct it"
