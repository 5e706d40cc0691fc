"""DistilBERT (Sanh et al. 2019, arXiv 1910.01108): half of BERT's layers, without token types and pooler."""

from __future__ import annotations

from bert_export.families.family import ConfigNames, EmbeddingNames, Family, LayerNames, VocabularyNames

_TRAINING = "config.json of the bundle, for training on"

DISTILBERT = Family(
    name="distilbert",
    title="DistilBERT",
    class_prefix="DistilBert",
    attribute="distilbert",
    embeddings=EmbeddingNames(types=None),
    layers="transformer.layer",
    layer=LayerNames(
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attention_output="attention.out_lin",
        attention_norm="sa_layer_norm",
        intermediate="ffn.lin1",
        activation="ffn.activation",
        output="ffn.lin2",
        norm="output_layer_norm",
    ),
    vocabulary=VocabularyNames(
        dense="vocab_transform", activation="activation", norm="vocab_layer_norm", projection="vocab_projector"
    ),
    config=ConfigNames(
        own={
            "hidden_size": "dim",
            "num_hidden_layers": "n_layers",
            "num_attention_heads": "n_heads",
            "intermediate_size": "hidden_dim",
            "hidden_act": "activation",
            "hidden_dropout_prob": "dropout",
            "attention_probs_dropout_prob": "attention_dropout",
        },
        more={
            "sinusoidal_pos_embds": "the values of positions that the weights lack",
            "seq_classif_dropout": _TRAINING,
            "qa_dropout": _TRAINING,
        },
    ),
    pretrained_heads=("vocab_",),
)
