"""A bundle of feature extraction as the encoder of a decoder: from texts to their states."""

from __future__ import annotations

from collections.abc import Sequence

from bert_runtime.errors import InputError, Problem
from bert_runtime.session import Session
from bert_runtime.tasks.feature_extraction import FeatureExtractionRequest, FeatureExtractionResult
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.text_generation import EncoderStates

OUTPUT = "last_hidden_state"
"""Every bundle of feature extraction has it, plain or not."""


class Encoder:
    """Calls may come from several threads at once.

    Attributes:
        width: how many numbers it says of a token.
    """

    def __init__(self, session: Session[FeatureExtractionRequest, FeatureExtractionResult]) -> None:
        """Ask a session that was loaded with FEATURE_EXTRACTION; closing the encoder closes it."""
        self._session = session
        self.width = session.record.sizes["hidden"]

    def __call__(self, text: str) -> EncoderStates:
        """What the encoder says of a text.

        Raises:
            InputError: the text is longer than the encoder reads.
            BackendError: the engine failed.
        """
        return self.states([self.row(text)])[0]

    def row(self, text: str) -> Features:
        """The text as the encoder reads it.

        Raises:
            InputError: it is longer than the encoder reads: what a decoder never saw would be left out unseen.
        """
        own = self._session.text
        pieces = own.pieces(text)
        length = len(pieces) + own.max_length - own.room()
        if length > own.max_length:
            raise InputError(
                Problem(
                    "too-long",
                    "encoder_text",
                    f"the source has {length} tokens, expected at most {own.max_length}: shorten it",
                )
            )
        return Features.from_row(own.row(pieces))

    def states(self, rows: Sequence[Features]) -> list[EncoderStates]:
        """The states of each row, read in batches of similar length; raises BackendError."""
        found = {
            i: EncoderStates.whole(finite(own[OUTPUT], OUTPUT)) for i, own in self._session.outputs(rows, (OUTPUT,))
        }
        return [found[i] for i in range(len(rows))]

    def close(self) -> None:
        """Free the model."""
        self._session.close()
