"""Answers from a BERT bundle, without PyTorch: `load(path)` gives a session, which gives labels, spans and text."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bert_runtime.backends.options import GpuOptions
    from bert_runtime.backends.profile import Profile
    from bert_runtime.errors import BackendError, BertError, BundleError, InputError, InternalError, ItemError
    from bert_runtime.generation.encoder import Encoder
    from bert_runtime.generation.session import GenerationSession
    from bert_runtime.loading import load
    from bert_runtime.options import Options
    from bert_runtime.pauses import PAUSE, live
    from bert_runtime.schedule import BatchLimits
    from bert_runtime.session import Session
    from bert_runtime.tasks import TASKS, find_task
    from bert_runtime.tasks.entities import Entity
    from bert_runtime.tasks.feature_extraction import (
        FEATURE_EXTRACTION,
        FeatureExtractionRequest,
        FeatureExtractionResult,
    )
    from bert_runtime.tasks.fill_mask import FILL_MASK, FillMaskRequest, FillMaskResult
    from bert_runtime.tasks.multiple_choice import MULTIPLE_CHOICE, MultipleChoiceRequest, MultipleChoiceResult
    from bert_runtime.tasks.next_sentence_prediction import (
        NEXT_SENTENCE_PREDICTION,
        NextSentencePredictionRequest,
        NextSentencePredictionResult,
    )
    from bert_runtime.tasks.pretraining import PRETRAINING, PretrainingRequest, PretrainingResult
    from bert_runtime.tasks.question_answering import (
        QUESTION_ANSWERING,
        Answer,
        QuestionAnsweringRequest,
        QuestionAnsweringResult,
    )
    from bert_runtime.tasks.request import Request
    from bert_runtime.tasks.result import Result
    from bert_runtime.tasks.text_classification import (
        TEXT_CLASSIFICATION,
        LabelScore,
        LabelValue,
        MultiLabelResult,
        RegressionResult,
        SingleLabelResult,
        TextClassificationRequest,
        TextClassificationResult,
    )
    from bert_runtime.tasks.text_generation import (
        TEXT_GENERATION,
        EncoderStates,
        GeneratedText,
        GenerationSettings,
        TextGenerationRequest,
        TextGenerationResult,
    )
    from bert_runtime.tasks.token_classification import (
        TOKEN_CLASSIFICATION,
        TokenClassificationRequest,
        TokenClassificationResult,
    )
    from bert_runtime.version import __version__

__all__ = [
    "FEATURE_EXTRACTION",
    "FILL_MASK",
    "MULTIPLE_CHOICE",
    "NEXT_SENTENCE_PREDICTION",
    "PAUSE",
    "PRETRAINING",
    "QUESTION_ANSWERING",
    "TASKS",
    "TEXT_CLASSIFICATION",
    "TEXT_GENERATION",
    "TOKEN_CLASSIFICATION",
    "Answer",
    "BackendError",
    "BatchLimits",
    "BertError",
    "BundleError",
    "Encoder",
    "EncoderStates",
    "Entity",
    "FeatureExtractionRequest",
    "FeatureExtractionResult",
    "FillMaskRequest",
    "FillMaskResult",
    "GeneratedText",
    "GenerationSession",
    "GenerationSettings",
    "GpuOptions",
    "InputError",
    "InternalError",
    "ItemError",
    "LabelScore",
    "LabelValue",
    "MultiLabelResult",
    "MultipleChoiceRequest",
    "MultipleChoiceResult",
    "NextSentencePredictionRequest",
    "NextSentencePredictionResult",
    "Options",
    "PretrainingRequest",
    "PretrainingResult",
    "Profile",
    "QuestionAnsweringRequest",
    "QuestionAnsweringResult",
    "RegressionResult",
    "Request",
    "Result",
    "Session",
    "SingleLabelResult",
    "TextClassificationRequest",
    "TextClassificationResult",
    "TextGenerationRequest",
    "TextGenerationResult",
    "TokenClassificationRequest",
    "TokenClassificationResult",
    "__version__",
    "find_task",
    "live",
    "load",
]

_MODULES = {
    "bert_runtime.backends.options": ("GpuOptions",),
    "bert_runtime.backends.profile": ("Profile",),
    "bert_runtime.errors": ("BackendError", "BertError", "BundleError", "InputError", "InternalError", "ItemError"),
    "bert_runtime.generation.encoder": ("Encoder",),
    "bert_runtime.generation.session": ("GenerationSession",),
    "bert_runtime.loading": ("load",),
    "bert_runtime.options": ("Options",),
    "bert_runtime.pauses": ("PAUSE", "live"),
    "bert_runtime.schedule": ("BatchLimits",),
    "bert_runtime.session": ("Session",),
    "bert_runtime.tasks": ("TASKS", "find_task"),
    "bert_runtime.tasks.entities": ("Entity",),
    "bert_runtime.tasks.feature_extraction": (
        "FEATURE_EXTRACTION",
        "FeatureExtractionRequest",
        "FeatureExtractionResult",
    ),
    "bert_runtime.tasks.fill_mask": ("FILL_MASK", "FillMaskRequest", "FillMaskResult"),
    "bert_runtime.tasks.multiple_choice": ("MULTIPLE_CHOICE", "MultipleChoiceRequest", "MultipleChoiceResult"),
    "bert_runtime.tasks.next_sentence_prediction": (
        "NEXT_SENTENCE_PREDICTION",
        "NextSentencePredictionRequest",
        "NextSentencePredictionResult",
    ),
    "bert_runtime.tasks.pretraining": ("PRETRAINING", "PretrainingRequest", "PretrainingResult"),
    "bert_runtime.tasks.question_answering": (
        "QUESTION_ANSWERING",
        "Answer",
        "QuestionAnsweringRequest",
        "QuestionAnsweringResult",
    ),
    "bert_runtime.tasks.request": ("Request",),
    "bert_runtime.tasks.result": ("Result",),
    "bert_runtime.tasks.text_classification": (
        "TEXT_CLASSIFICATION",
        "LabelScore",
        "LabelValue",
        "MultiLabelResult",
        "RegressionResult",
        "SingleLabelResult",
        "TextClassificationRequest",
        "TextClassificationResult",
    ),
    "bert_runtime.tasks.text_generation": (
        "TEXT_GENERATION",
        "EncoderStates",
        "GeneratedText",
        "GenerationSettings",
        "TextGenerationRequest",
        "TextGenerationResult",
    ),
    "bert_runtime.tasks.token_classification": (
        "TOKEN_CLASSIFICATION",
        "TokenClassificationRequest",
        "TokenClassificationResult",
    ),
    "bert_runtime.version": ("__version__",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import what is asked for: a command begins before numpy is imported, so that it can be interrupted meanwhile."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
