"""What a family of encoders is: everything that an export has to know of one, as data.

No torch here: `bert-export --help` lists the families. Modules of transformers are named as `get_submodule` finds them,
below the base model (`RobertaModel`), below one of its layers, or below the class of a task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from bert_runtime.tasks import TASKS
from bert_runtime.tasks.task import Task
from bert_runtime.tasks.tensors import TensorSpec, without_types

AnyTask = Task[Any, Any, Any]

DENSE_LAYERS = "dense_after_pooling"
"""The attribute of a loaded model that holds sentence-transformers' dense layers, where there are any."""

BERT_TASKS = tuple(task.name for task in TASKS)
ENCODER_TASKS = (
    "fill-mask",
    "text-classification",
    "multiple-choice",
    "token-classification",
    "question-answering",
    "feature-extraction",
)
"""The heads that every encoder of transformers has."""


class Positions(Enum):
    """Which row of the position table a token gets."""

    COUNTED = "counted"
    """Token i of a row gets row i."""
    AFTER_PADDING = "after-padding"
    """A token gets its number among the row's tokens that are no padding, after the table's row for padding."""


@dataclass(frozen=True)
class EmbeddingNames:
    """The tables whose rows are added and normalised, below the base model.

    Attributes:
        words, positions, norm: each family has these.
        types: token types; None where the model takes none as input.
        first_rows: tables of which every token gets row 0; a model may lack them.
        projection: a dense layer after the norm; a model may lack it.
    """

    words: str = "embeddings.word_embeddings"
    positions: str = "embeddings.position_embeddings"
    norm: str = "embeddings.LayerNorm"
    types: str | None = "embeddings.token_type_embeddings"
    first_rows: tuple[str, ...] = ()
    projection: str | None = None


@dataclass(frozen=True)
class LayerNames:
    """The parts of one encoder layer, each below the layer: BERT's order of residuals and norms (post-norm)."""

    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    attention_output: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    intermediate: str = "intermediate.dense"
    activation: str = "intermediate.intermediate_act_fn"
    output: str = "output.dense"
    norm: str = "output.LayerNorm"


@dataclass(frozen=True)
class VocabularyNames:
    """The parts of the head of a masked language model, below its class: dense, activation, norm, projection.

    Attributes:
        activation: None where the class has GELU there, whatever the configuration says.
    """

    dense: str = "lm_head.dense"
    norm: str = "lm_head.layer_norm"
    projection: str = "lm_head.decoder"
    activation: str | None = None


@dataclass(frozen=True)
class ConfigNames:
    """How the family writes config.json.

    Attributes:
        own: BERT's key -> the family's own, where it has another.
        more: keys that BERT has not, and what each decides; transformers' class gets them.
        width: which key says how wide the embeddings are.
    """

    own: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    width: str = "hidden_size"

    @property
    def own_width(self) -> str:
        """The family's key for `width`."""
        return self.of(self.width)

    def of(self, name: str) -> str:
        """The family's key for one of BERT's."""
        return self.own.get(name, name)


def no_offset(_config: Any) -> int:
    """Every row of the position table is a token's."""
    return 0


@dataclass(frozen=True)
class Family:
    """Encoders that transformers builds of the same parts.

    Attributes:
        name: `model_type` in config.json.
        title: what its authors call it.
        class_prefix: what the names of its classes in transformers begin with.
        attribute: under which name those classes hold the base model.
        tasks: the names of the tasks that it has a head for.
        embeddings, layer, vocabulary: its parts.
        layers: the list of layers, below the base model.
        positions: how tokens are numbered.
        position_offset: of a configuration, how many rows at the start of the position table no token gets.
        relative_bias: the module, below the base model, with a table of biases for distances between tokens, as T5's
            buckets them; None where attention has no such bias.
        config: the names of its configuration.
        pretrained_heads: what the names of head weights begin with that mean the same in every class.
        tokenizers: the kinds of tokenizers that its checkpoints come with.
    """

    name: str
    title: str
    class_prefix: str
    attribute: str
    tasks: tuple[str, ...] = ENCODER_TASKS
    embeddings: EmbeddingNames = EmbeddingNames()
    layer: LayerNames = LayerNames()
    vocabulary: VocabularyNames = VocabularyNames()
    layers: str = "encoder.layer"
    positions: Positions = Positions.COUNTED
    position_offset: Callable[[Any], int] = no_offset
    relative_bias: str | None = None
    config: ConfigNames = ConfigNames()
    pretrained_heads: tuple[str, ...] = ("lm_head.",)
    tokenizers: tuple[str, ...] = ("WordPiece",)

    def model_class(self, task: AnyTask) -> str:
        """The name of the task's class in transformers; ask `has` first."""
        return self.class_prefix + task.model_class.removeprefix("Bert")

    @property
    def base_class(self) -> str:
        """The name of the class without a head."""
        return f"{self.class_prefix}Model"

    def has(self, task: AnyTask) -> bool:
        """Whether there is such a head."""
        return task.name in self.tasks

    def inputs(self, task: AnyTask, plain: bool, reads_source: bool = False) -> tuple[TensorSpec, ...]:
        """The graph's inputs, see `Task.inputs`: without token types where the family takes none."""
        specs = task.inputs(plain, reads_source)
        return specs if self.embeddings.types else without_types(specs)

    def value(self, config: Any, name: str) -> Any:
        """The value of a configuration under one of BERT's names."""
        return getattr(config, self.config.of(name))

    def types(self, config: Any) -> int:
        """How many token types a text may use."""
        return int(config.type_vocab_size) if self.embeddings.types else 1

    def longest(self, config: Any) -> int:
        """How many tokens it has positions for."""
        return int(self.value(config, "max_position_embeddings")) - self.position_offset(config)

    def is_head(self, weight: str) -> bool:
        """Whether a weight belongs to the head: everything but embeddings and layers, so a pooler too."""
        own = weight.removeprefix(f"{self.attribute}.")
        encoder = (self.layers.partition(".")[0], "embeddings", self.embeddings.projection)
        return own.partition(".")[0] not in encoder
