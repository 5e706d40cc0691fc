"""Requests that exercise the head; the parity gate asks them."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: tuple[Mapping[str, object], ...] = (
    {"prompt": "Paris is the capital of", "max_new_tokens": 8},
    {"prompt": "", "max_new_tokens": 4},
    {
        "prompt": "The cat sat on the mat, and nobody",
        "num_beams": 3,
        "num_return_sequences": 2,
        "max_new_tokens": 6,
    },
    {"prompt": "Le café de Zürich était — 東京も", "max_new_tokens": 5},
    {"prompt": "Once upon a time", "repetition_penalty": 1.3, "max_new_tokens": 6},
    {"prompt": "He plays the violin, she wrote 3.14", "special_tokens": "none", "max_new_tokens": 3},
)
