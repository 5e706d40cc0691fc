"""One spelling for each activation: transformers has several modules for one function."""

from __future__ import annotations

from torch import nn
from transformers.activations import FastGELUActivation, GELUActivation, GELUTanh, NewGELUActivation


def one_spelling(activation: nn.Module) -> nn.Module | None:
    """torch's own module for the same function, which traces to a single node; None for anything else.

    Gelu and its tanh approximation are those of Hendrycks and Gimpel 2016 (arXiv 1606.08415).
    """
    match activation:
        case GELUActivation():
            return nn.GELU()
        case NewGELUActivation() | FastGELUActivation() | GELUTanh():
            return nn.GELU(approximate="tanh")
        case _:
            return None
