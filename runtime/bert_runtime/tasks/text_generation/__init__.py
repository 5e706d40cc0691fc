"""text-generation: how a text continues, and from what: a prompt, or besides what an encoder read."""

from __future__ import annotations

from bert_runtime.tasks.task import Reads, Task
from bert_runtime.tasks.tensors import CrossAttention, TensorSpec
from bert_runtime.tasks.text_generation.encoder_states import EncoderStates
from bert_runtime.tasks.text_generation.examples import EXAMPLES
from bert_runtime.tasks.text_generation.head import (
    Continuation,
    GeneratedText,
    Prompt,
    TextGenerationHead,
    TextGenerationResult,
)
from bert_runtime.tasks.text_generation.request import GenerationSettings, TextGenerationRequest

__all__ = [
    "TEXT_GENERATION",
    "Continuation",
    "EncoderStates",
    "GeneratedText",
    "GenerationSettings",
    "Prompt",
    "TextGenerationHead",
    "TextGenerationRequest",
    "TextGenerationResult",
]

_CACHE_AXES = ("batch", "heads", "past", "size")
_PRESENT_AXES = ("batch", "heads", "total", "size")
_CROSS_KEY_VALUES = (
    TensorSpec("cross_key_values.{layer}.key", "float32", ("sources", "heads", "source", "size")),
    TensorSpec("cross_key_values.{layer}.value", "float32", ("sources", "heads", "source", "size")),
)

TEXT_GENERATION: Task[TextGenerationRequest, Prompt, TextGenerationResult] = Task(
    name="text-generation",
    model_class="BertLMHeadModel",
    reads=Reads.LAST_TOKEN,
    is_autoregressive=True,
    graph_inputs=(
        TensorSpec("input_ids", "int64", ("batch", "sequence")),
        TensorSpec("attention_mask", "int64", ("batch", "total")),
        TensorSpec("past_key_values.{layer}.key", "float32", _CACHE_AXES),
        TensorSpec("past_key_values.{layer}.value", "float32", _CACHE_AXES),
    ),
    cross_attention=CrossAttention(
        inputs=(TensorSpec("encoder_attention_mask", "int64", ("sources", "source")), *_CROSS_KEY_VALUES),
        cross_kv_inputs=(TensorSpec("encoder_hidden_states", "float32", ("sources", "source", "hidden")),),
        cross_kv_outputs=_CROSS_KEY_VALUES,
    ),
    outputs=(
        TensorSpec("logits", "float32", ("batch", "vocabulary")),
        TensorSpec("present.{layer}.key", "float32", _PRESENT_AXES),
        TensorSpec("present.{layer}.value", "float32", _PRESENT_AXES),
    ),
    plain_outputs=(
        TensorSpec("logits", "float32", ("batch", "sequence", "vocabulary")),
        TensorSpec("present.{layer}.key", "float32", _PRESENT_AXES),
        TensorSpec("present.{layer}.value", "float32", _PRESENT_AXES),
    ),
    request=TextGenerationRequest,
    head=TextGenerationHead,
    aliases=("lm", "causal-lm"),
    examples=EXAMPLES,
)
