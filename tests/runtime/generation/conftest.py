"""Small decoders and their oracle: one with random weights, one that was trained for seconds until it writes sentences,
and an engine that lets torch answer what the graph would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.without_exporter import is_exporter_there
from tokenizers import Tokenizer

from bert_runtime.backends.engine import Array, LoadedArtefact
from bert_runtime.generation.session import GenerationSession
from bert_runtime.manifest import VERSION, Artefact, Manifest
from bert_runtime.schedule import Schedule
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.tensors import expand
from bert_runtime.tasks.text_generation import TEXT_GENERATION
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import BertConfig, BertLMHeadModel, DynamicCache

CASES = Path(__file__).parents[2] / "cases"
LAYERS, HEADS, HIDDEN = 2, 2, 32
SENTENCES = [
    f"the {who} {did} the {what} in the {where} ."
    for who, did, where in (
        ("cat", "chased", "garden"),
        ("old dog", "followed", "street"),
        ("girl", "painted", "kitchen"),
        ("young king", "counted", "tower"),
    )
    for what in ("mouse", "red ball", "small bird", "moon")
] + ["unhappi ##ness and happi ##ness walk ##ed home .", "it rain ##ed , and nobody walk ##ed ."]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models as small as these only wait for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass
class TorchEngine:
    """The contract of the decoder's graph, answered by transformers' own model."""

    model: Any  # BertLMHeadModel; its generate and train have no usable types
    name: str = "torch"

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, Array]:
        """All outputs as new arrays."""
        mask = torch.from_numpy(feeds["attention_mask"])
        ids = torch.from_numpy(feeds["input_ids"])
        cache: Any = DynamicCache(config=self.model.config)
        for layer in range(LAYERS):
            key, value = (torch.tensor(feeds[f"past_key_values.{layer}.{part}"]) for part in ("key", "value"))
            if key.shape[2]:
                cache.update(key, value, layer)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        with torch.inference_mode():
            answer = self.model(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
            )
        made = {"logits": answer.logits[:, -1].numpy()}
        for layer in range(LAYERS):
            made[f"present.{layer}.key"] = cache.layers[layer].keys.numpy()
            made[f"present.{layer}.value"] = cache.layers[layer].values.numpy()
        return {name: made[name] for name in fetch}

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        for name, value in self.run(feeds, list(outputs)).items():
            assert outputs[name].flags.c_contiguous
            outputs[name][...] = value

    def close(self) -> None:
        """See Engine."""


@dataclass(frozen=True)
class Case:
    """A decoder as a session of ours and as transformers' model; `text` is the tokenizer of both."""

    session: GenerationSession
    model: Any
    text: TextEncoder


@pytest.fixture(scope="session")
def tokenizer_json() -> str:
    """A tokenizer whose vocabulary is that of SENTENCES."""
    record = json.loads((CASES / "tiny_tokenizer.json").read_text("utf-8"))
    special = [token for token, index in record["model"]["vocab"].items() if index < 5]
    pieces = dict.fromkeys(" ".join(SENTENCES).split())
    record["model"]["vocab"] = {token: index for index, token in enumerate([*special, *pieces])}
    return json.dumps(record)


@pytest.fixture(scope="session")
def words(tokenizer_json: str) -> TextEncoder:
    """The same, for 32 tokens."""
    return TextEncoder(Tokenizer.from_str(tokenizer_json), TokenizerRecord("tokenizer.json", 32, pad_id=0, mask_id=4))


@pytest.fixture(scope="session")
def random(words: TextEncoder) -> Case:
    """Weights large enough for the tokens to differ; what it writes is noise."""
    torch.manual_seed(5)
    return case(BertLMHeadModel(config(words, initializer_range=0.4)), words)


@pytest.fixture(scope="session")
def trained(words: TextEncoder) -> Case:
    """Writes sentences: its probabilities are peaked, and texts end."""
    torch.manual_seed(7)
    model = BertLMHeadModel(config(words, initializer_range=0.05))
    rows = [words.row(words.pieces(sentence.replace(" ##", ""))).ids.tolist() for sentence in SENTENCES]
    width = max(map(len, rows))
    ids = torch.tensor([row + [words.pad_id] * (width - len(row)) for row in rows])
    mask = (torch.arange(width) < torch.tensor([[len(row)] for row in rows])).long()
    train(model, ids, mask)
    return case(model, words)


def train(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> None:
    """Until it knows the rows by heart: 120 steps."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    labels = ids.masked_fill(mask == 0, -100)
    model.train()
    for _ in range(120):
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def config(text: TextEncoder, initializer_range: float) -> BertConfig:
    """A small decoder."""
    return BertConfig(
        vocab_size=text.vocabulary_size,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=64,
        max_position_embeddings=text.max_length,
        initializer_range=initializer_range,
        is_decoder=True,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def case(model: Any, text: TextEncoder) -> Case:
    """The model behind a session, without a bundle."""
    model.eval()
    inputs, outputs = expand(TEXT_GENERATION.inputs(), LAYERS), expand(TEXT_GENERATION.graph_outputs(), LAYERS)
    artefact = Artefact("cpu", "fp32", "model.onnx", (), inputs, outputs, "any", 20, False)
    manifest = Manifest(
        version=VERSION,
        task=TEXT_GENERATION.name,
        settings=HeadSettings(),
        sizes={"layers": LAYERS, "heads": HEADS, "size": HIDDEN // HEADS, "vocabulary": text.vocabulary_size},
        tokenizer=text.record,
        artefacts=(artefact,),
        files={},
        provenance={},
        verification={},
    )
    session = GenerationSession(manifest, text, LoadedArtefact.of(artefact, TorchEngine(model)), Schedule())
    return Case(session, model, text)
