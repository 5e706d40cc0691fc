"""What `GenerationSession.generate` takes, as requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from bert_runtime.errors import InputError
from bert_runtime.fields import expected, mistakes
from bert_runtime.tasks.text_generation import EncoderStates, GenerationSettings, TextGenerationRequest

Prompts = list[str] | tuple[str, ...]
Source = str | EncoderStates
SourceList = list[str] | list[EncoderStates] | tuple[Source, ...]


def check_types(prompts: object, settings: object) -> None:
    """Raises InputError: what `generate` cannot read."""
    problems = mistakes("settings", settings, GenerationSettings | None)
    if not isinstance(prompts, str | list | tuple):
        problems.append(expected("prompts", prompts, "a text or a list of them"))
    if problems:
        raise InputError(problems)


def request_of(prompt: str, settings: GenerationSettings | None, source: Source | None) -> TextGenerationRequest:
    given = settings or GenerationSettings()
    names = [field.name for field in fields(GenerationSettings)]
    return TextGenerationRequest(prompt, source, **{name: getattr(given, name) for name in names})


def sources_of(count: int, source: Source | SourceList | None) -> Sequence[Source | None]:
    """One source for each of `count` prompts."""
    if source is None:
        return [None] * count
    if not isinstance(source, list | tuple) or len(source) != count:
        got = f"{len(source)} entries" if isinstance(source, list | tuple) else "no list"
        raise InputError(f"encoder_text is {got} for {count} prompts, expected a list with one for each")
    return source
