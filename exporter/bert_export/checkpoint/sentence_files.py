"""The files of a sentence-transformers directory, and what becomes of each of their keys."""

from __future__ import annotations

from bert_export.checkpoint.keys import KnownFile, carried, ignored, refused

LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}

MODULES = KnownFile(
    "modules.json",
    "The steps of a sentence-transformers model, in order: Transformer, Pooling, any number of Dense and perhaps "
    "Normalize, all of them the library's own classes under their names of any version; Dropout, which does nothing "
    "outside training, is skipped.",
    (
        carried("type", "the kind of step: others are refused by name"),
        carried("path", "the step's folder, inside the checkpoint"),
        ignored("idx", "the entries are in order"),
        ignored("name", "a name"),
        refused("kwargs", "arguments of the caller that reach this step; save the model without them", []),
    ),
)
POOLING = KnownFile(
    "1_Pooling/config.json",
    "How the vectors of the tokens become one.",
    (
        carried(
            "pooling_mode", "the graph: mean, cls, max, lasttoken, weightedmean or mean_sqrt_len_tokens, one of them"
        ),
        *(carried(name, "the graph: the older spelling of pooling_mode") for name in LEGACY_MODES),
        carried("include_prompt", "where it is false, no prompt is carried; refused if there is a default prompt"),
        ignored("word_embedding_dimension", "the model's width"),
        ignored("embedding_dimension", "the model's width"),
    ),
)
DENSE = KnownFile(
    "2_Dense/config.json",
    "A dense layer after the pooling; its weights lie beside it.",
    (
        carried("in_features", "a size of the weights"),
        carried("out_features", "a size of the weights"),
        carried("bias", "the graph"),
        carried("activation_function", "the graph: Identity, Tanh, ReLU, GELU or Sigmoid of torch; others are refused"),
        refused("module_input_name", "only the pooled vector is read", "sentence_embedding"),
        refused("module_output_name", "only the pooled vector is replaced", "sentence_embedding"),
    ),
)
NORMALIZE = KnownFile(
    "2_Normalize/config.json",
    "What is scaled to unit length.",
    (
        refused("module_input_name", "only the pooled vector is scaled", "sentence_embedding"),
        refused("module_output_name", "only the pooled vector is scaled", "sentence_embedding"),
    ),
)

LIBRARY = KnownFile(
    "config_sentence_transformers.json",
    "Settings of the library around the steps.",
    (
        carried("default_prompt_name", "the bundle's default prompt; --prompt-name chooses another"),
        carried("activation_fn", "the activation of a cross-encoder's logits"),
        refused(
            "truncate_dim",
            "the library cuts vectors to that length; here each request says how many `dimensions` it wants: remove "
            "the key",
        ),
        carried("prompts", "the bundle's prompts, which a request asks for by name; empty ones are left out"),
        ignored("similarity_fn_name", "how the caller compares vectors"),
        ignored("__version__", "which version saved it"),
        ignored("model_type", "the library's class: the steps say what it does"),
        ignored("keep_in_fp32_modules", "the export computes in fp32"),
    ),
)
