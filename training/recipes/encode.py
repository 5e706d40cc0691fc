"""From labelled samples to training rows: through the runtime's own encoding, so that both see the same tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bert_calibration.quality import measure_of
from bert_runtime.json_record import Record
from bert_runtime.tasks.task import Encoded, HeadSettings, IntArray, Task
from training.corpora import Line
from training.recipe import Example, Settings, text_encoder

Target = int | float | IntArray
Targets = Callable[[Any, Any, HeadSettings], Mapping[str, Target]]
"""From the encoded request, its gold and the head's settings to what the network should answer."""


def encoded_examples(
    task: Task[Any, Any, Any], head: HeadSettings, lines: Sequence[Line], max_length: int, targets: Targets
) -> list[Example]:
    """One example for each line; a text longer than `max_length` loses what its first row does not hold.

    Raises:
        ValueError: a line has no gold that the head could learn.
    """
    encoder = task.head(text_encoder(max_length), head)
    measure = measure_of(task, head)
    examples = []
    for line in lines:
        request = task.request.from_record({key: value for key, value in line.items() if key not in measure.keys})
        problems: list[str] = []
        gold = measure.read(Record({key: line[key] for key in measure.keys}, "", problems), request, head)
        if problems:
            raise ValueError(f"{'; '.join(problems)} in {line}")
        encoded: Encoded = encoder.encode(request)
        examples.append(Example(encoded.features[0], targets(encoded, gold, head)))
    return examples


def drawn(lines: Sequence[Line], count: int, settings: Settings) -> list[Line]:
    """A seeded sample of `count` lines; all of them, in their order, where there are no more."""
    if count >= len(lines):
        return list(lines)
    return random.Random(settings.seed).sample(list(lines), count)
