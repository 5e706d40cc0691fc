"""Decoders that read an encoder, exported, beside transformers' own models: one with random weights, one that was
trained for seconds until it writes the sentence that its source names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime.generation.conftest import SENTENCES, config
from tests.runtime.generation.test_oracle import eos_id, until
from tests.without_exporter import is_exporter_there

from bert_runtime import TEXT_GENERATION, EncoderStates, GenerationSession, GenerationSettings, Options, load
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import BertLMHeadModel, BertModel, EncoderDecoderModel
    from transformers.modeling_outputs import BaseModelOutput

    from bert_export.exporting import export
    from bert_export.options import ExportOptions

NEW = 12
SOURCES = ("cat mouse", "young king moon", "old dog red ball", "girl", "cat moon")
PROMPTS = ("", "the", "the old dog", "", "the cat chased")


@dataclass(frozen=True)
class Pair:
    """A decoder and its encoder: as bundles, as a session that has both, and as transformers' model."""

    decoder: Path
    encoder: Path
    session: GenerationSession
    model: Any  # EncoderDecoderModel; its generate and its parts have no usable types
    text: TextEncoder


Pairs = Callable[..., Pair]


@pytest.fixture(scope="session")
def pairs(words: TextEncoder, tokenizer_json: str, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """(weights, target, plain) -> a pair. The encoder of the trained model is exported plain, the other is not."""

    @functools.cache
    def model(weights: str) -> Any:
        return {"random": random_model, "trained": trained_model}[weights](words)

    @functools.cache
    def bundle(weights: str, half: str, plain: bool) -> Path:
        folder = tmp_path_factory.mktemp(f"{weights}-{half}")
        getattr(model(weights), half).save_pretrained(folder / "checkpoint")
        (folder / "checkpoint" / "tokenizer.json").write_text(tokenizer_json, encoding="utf-8")
        targets = ("cpu", "portable") if half == "decoder" and not plain else ("cpu",)
        export(ExportOptions(str(folder / "checkpoint"), output=folder / "bundle", targets=targets, plain=plain))
        return folder / "bundle"

    @functools.cache
    def get(weights: str, target: str = "cpu", plain: bool = False) -> Pair:
        decoder, encoder = bundle(weights, "decoder", plain), bundle(weights, "encoder", weights == "trained")
        session = load(decoder, TEXT_GENERATION, options=Options(target, encoder=encoder))
        return Pair(decoder, encoder, session, model(weights), words)

    return get


def random_model(text: TextEncoder) -> Any:
    """Noise, but other noise for every source; larger weights would write one token for ever."""
    torch.manual_seed(4)
    return _joined(text, initializer_range=0.2)


def trained_model(text: TextEncoder) -> Any:
    """Writes the sentence that two of its words name: until it knows them by heart, some seconds."""
    torch.manual_seed(3)
    model = _joined(text, initializer_range=0.05)
    sources, wanted = (_rows(text, texts) for texts in zip(*tasks(), strict=True))
    labels = wanted[0].masked_fill(wanted[1] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    model.train()
    for _ in range(150):
        states = model.encoder(input_ids=sources[0], attention_mask=sources[1]).last_hidden_state
        model.decoder(
            input_ids=wanted[0],
            attention_mask=wanted[1],
            encoder_hidden_states=states,
            encoder_attention_mask=sources[1],
            labels=labels,
        ).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    return model


def tasks() -> list[tuple[str, str]]:
    """(source, the sentence it names): who and what; the rest of the sentence follows from who."""
    found = []
    for sentence in SENTENCES[:16]:
        who, rest = sentence.removeprefix("the ").split(" chased " if "chased" in sentence else _verb(sentence))
        found.append((f"{who} {rest.removeprefix('the ').split(' in ')[0]}", sentence))
    return found


def _verb(sentence: str) -> str:
    return next(f" {verb} " for verb in ("followed", "painted", "counted") if verb in sentence)


def _joined(text: TextEncoder, initializer_range: float) -> Any:
    reading, writing = config(text, initializer_range), config(text, initializer_range)
    reading.is_decoder = False
    writing.add_cross_attention = True
    writing.tie_word_embeddings = False
    model: Any = EncoderDecoderModel(encoder=BertModel(reading), decoder=BertLMHeadModel(writing))
    model.generation_config.update(decoder_start_token_id=2, pad_token_id=0, eos_token_id=3)
    model.eval()
    return model


def _rows(text: TextEncoder, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right padded ids and their mask."""
    rows = [text.row(text.pieces(each)).ids.tolist() for each in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [text.pad_id] * (width - len(row)) for row in rows])
    return ids, (torch.arange(width) < torch.tensor([[len(row)] for row in rows])).long()


def expected(
    pair: Pair, prompts: Sequence[str], settings: GenerationSettings, sources: Sequence[str | EncoderStates]
) -> list[list[tuple[int, ...]]]:
    """transformers' new tokens for each prompt, each generated alone, without any padding."""
    return [_expected(pair, *each, settings) for each in zip(prompts, sources, strict=True)]


def _expected(
    pair: Pair, prompt: str, source: str | EncoderStates, settings: GenerationSettings
) -> list[tuple[int, ...]]:
    if isinstance(source, str):
        ids, mask = _rows(pair.text, [source])
        with torch.inference_mode():
            hidden = pair.model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    else:
        hidden, mask = torch.from_numpy(source.hidden)[None], torch.from_numpy(source.mask)[None]
    start = torch.tensor([[2, *pair.text.pieces(prompt).ids.tolist()]])
    taken = {field.name for field in fields(settings)} - {
        "seed",
        "eos",
        "special_tokens",
        "top_k",
        "top_p",
        "temperature",
    }
    eos = eos_id(pair.text, settings)
    found = pair.model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
        attention_mask=mask,
        decoder_input_ids=start,
        eos_token_id=eos,
        pad_token_id=0,
        **{name: getattr(settings, name) for name in taken},
    )
    return [until(row, eos) for row in found[:, start.shape[1] :].tolist()]


def found(
    pair: Pair, prompts: Sequence[str], settings: GenerationSettings, sources: Sequence[str | EncoderStates]
) -> list[list[tuple[int, ...]]]:
    """Ours, all together."""
    answers = pair.session.generate(tuple(prompts), settings, tuple(sources))
    return [[text.token_ids for text in result.sequences] for result in answers]
