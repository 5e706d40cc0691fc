"""What a task is: a value that names the head's tensors, and the two verbs that turn text into them and back."""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from bert_runtime.tasks.request import Request
from bert_runtime.tasks.tensors import TYPES, CrossAttention, SequencePacking, TensorSpec
from bert_runtime.text import Row, TextEncoder

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
RequestT = TypeVar("RequestT", bound=Request)
ResultT = TypeVar("ResultT")

MASK = "[MASK]"
"""How a task's examples write a mask, whatever a tokenizer calls it."""


class Reads(Enum):
    """Which positions of the last layer a head reads: what the exporter may leave out without changing an answer."""

    ALL_TOKENS = "all-tokens"
    FIRST_TOKEN = "first-token"
    MASKED_POSITIONS = "masked-positions"
    LAST_TOKEN = "last-token"


@dataclass(frozen=True)
class HeadSettings:
    """What a head needs to know beyond its logits; the manifest keeps it.

    Attributes:
        labels: the name of each label, in the order of the logits; empty where a task has no labels.
        problem_type: for text-classification, single_label_classification, multi_label_classification or regression.
        pooling: for feature-extraction, how the graph makes one vector of a text; see `POOLINGS` of that task.
        normalize: for feature-extraction, whether vectors are scaled to unit length.
        activation: for text-classification, none, sigmoid or softmax: turns logits into scores; None for the default
            of the problem type, see `bert_runtime.tasks.activation`.
        prompts: for feature-extraction, name -> what is put before a text that asks for it.
        default_prompt: the name of the prompt for texts that ask for none.
    """

    labels: tuple[str, ...] = ()
    problem_type: str | None = None
    pooling: str | None = None
    normalize: bool | None = None
    activation: str | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None


@dataclass(frozen=True)
class Features:
    """One row of the model's batch, without padding.

    Attributes:
        ids: int64 of shape (sequence,), or (choices, sequence) where the task has choices.
        type_ids: int64 of the shape of `ids`.
        mask: int64 of the shape of `ids`: 1 for a token, 0 for padding (only between choices of unequal length).
        positions: int64 of shape (masks,): where the masks are; None where the task does not read masked positions.
    """

    ids: IntArray
    type_ids: IntArray
    mask: IntArray
    positions: IntArray | None = None

    @classmethod
    def from_row(cls, row: Row, positions: IntArray | None = None) -> Features:
        """The features of one row, every token of which is read."""
        return cls(row.ids, row.type_ids, np.ones(len(row.ids), np.int64), positions)


EncodedT = TypeVar("EncodedT", bound="Encoded")


@dataclass(frozen=True)
class Encoded:
    """A request as rows of a batch; a task's own subclass adds what its decoding needs, such as character offsets."""

    features: tuple[Features, ...]

    @property
    def tokens(self) -> int:
        """How many tokens it holds in memory until it is answered."""
        return sum(row.ids.size for row in self.features)


Outputs = Mapping[str, FloatArray]
"""The graph's outputs of one row, cut to its own size: name -> array without the batch axis."""


class Head(ABC, Generic[RequestT, EncodedT, ResultT]):
    """A task bound to one bundle's tokenizer and settings. Holds no state of a request: safe in threads."""

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        self.text = text
        self.settings = settings

    @property
    def result_type(self) -> type[Any]:
        """The class of what `decode` returns."""
        return cast(type[Any], typing.get_type_hints(type(self).decode)["return"])

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The attributes of a result that are the columns of a table where none are chosen: all of its fields."""
        return tuple(field.name for field in dataclasses.fields(self.result_type))

    def fetch(self, available: Sequence[str]) -> tuple[str, ...]:
        """Which of a graph's outputs `decode` reads: the session asks the engine for these alone."""
        return tuple(available)

    @abstractmethod
    def encode(self, request: RequestT) -> EncodedT:
        """The request as one or more rows.

        Raises:
            InputError: the text cannot be asked about, for example a question that fills the whole sequence.
        """

    @abstractmethod
    def decode(self, request: RequestT, encoded: EncodedT, outputs: Sequence[Outputs]) -> ResultT:
        """The answer; `outputs[i]` belongs to `encoded.features[i]`. Pure: arrays in, a dataclass out."""


def _no_remarks(_settings: HeadSettings) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Task(Generic[RequestT, EncodedT, ResultT]):
    """A head as a value: what the exporter must trace and what the runtime must do with it.

    Attributes:
        name: the task's name in the ecosystem, used in manifests and on the command line.
        model_class: the name of the class in transformers; the runtime never imports it.
        reads: which positions the head reads, hence which exact rewrite applies.
        outputs: the graph's outputs in order; `attribute` of the model's output with the same name.
        plain_outputs: what the class in transformers gives, where that differs from `outputs`; see `graph_outputs`.
        request, head: the classes behind it.
        aliases: short names for the command line.
        choices: whether inputs are (batch, choices, sequence) instead of (batch, sequence).
        is_autoregressive: whether an answer takes one run for each token, with a cache that passes from run to run.
        graph_inputs: the graph's inputs, where they differ from those that every encoder takes; see `inputs`.
        cross_attention: what such a model has in addition where it reads an encoder; None where none can.
        settings: the fields of HeadSettings that the task uses.
        remarks: what a reader of a bundle should know of its settings, such as labels that mean less than they seem to.
        examples: requests that exercise the head; JSON records for `request`, with MASK for a mask: see `examples_for`.
    """

    name: str
    model_class: str
    reads: Reads
    outputs: tuple[TensorSpec, ...]
    request: type[RequestT]
    head: type[Head[RequestT, EncodedT, ResultT]]
    aliases: tuple[str, ...] = ()
    choices: bool = False
    is_autoregressive: bool = False
    graph_inputs: tuple[TensorSpec, ...] = ()
    cross_attention: CrossAttention | None = None
    settings: tuple[str, ...] = ()
    plain_outputs: tuple[TensorSpec, ...] = ()
    remarks: Callable[[HeadSettings], Iterable[str]] = _no_remarks
    examples: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def inputs(self, plain: bool = False, reads_source: bool = False) -> tuple[TensorSpec, ...]:
        """The graph's inputs in order, per-layer ones as templates.

        Args:
            plain: keep those of transformers' class.
            reads_source: add those of a decoder that reads an encoder.
        """
        if self.graph_inputs:
            more = self.cross_attention.inputs if reads_source and self.cross_attention else ()
            return self.graph_inputs + more
        axes = ("batch", "choices", "sequence") if self.choices else ("batch", "sequence")
        names = ("input_ids", "attention_mask", TYPES)
        specs = tuple(TensorSpec(name, "int64", axes) for name in names)
        if self.reads is Reads.MASKED_POSITIONS and not plain:
            specs += (TensorSpec("positions", "int64", ("batch", "masks")),)
        return specs

    @property
    def sequence_packing(self) -> SequencePacking | None:
        """The tensors of the graph for texts that share a row; None where the task has no such graph.

        For each token its id, its type, which text of the row it belongs to (`sequence_ids`: from 1 on, 0 for padding),
        and its place in that text (`position_ids`). Where a text has an output of its own, `positions` are the places
        in the row of the texts' first tokens; of a task that reads masks, those of the masks.
        """
        if self.choices or self.is_autoregressive:
            return None
        outputs = tuple(
            spec if spec.axes[1] in ("sequence", "masks") else replace(spec, axes=("batch", "texts", *spec.axes[1:]))
            for spec in self.outputs
        )
        read = {spec.axes[1] for spec in outputs} - {"sequence"}
        if len(read) > 1:  # a text's own output beside those of its masks
            return None
        names = ("input_ids", TYPES, "sequence_ids", "position_ids")
        inputs = [TensorSpec(name, "int64", ("batch", "sequence")) for name in names]
        inputs += [TensorSpec("positions", "int64", ("batch", axis)) for axis in read]
        return SequencePacking(tuple(inputs), outputs)

    def examples_for(self, text: TextEncoder) -> tuple[Mapping[str, Any], ...]:
        """The examples, written for a tokenizer: with its own mask token."""

        def written(value: Any) -> Any:
            return value.replace(MASK, text.mask_token) if isinstance(value, str) else value

        return tuple({key: written(value) for key, value in example.items()} for example in self.examples)

    def graph_outputs(self, plain: bool = False) -> tuple[TensorSpec, ...]:
        """The graph's outputs in order, per-layer ones as templates; `plain` keeps those of transformers' class."""
        return self.plain_outputs if plain and self.plain_outputs else self.outputs
