"""Train a head on all-MiniLM-L6-v2: a LoRA adapter and the head's own weights.

    python -m training.train --task question-answering --output exporter/bert_export/demo/qa
    python -m training.train --task token-classification     # to the cache: its data may not be passed on

The defaults are the settings behind the published figures. The data comes from packages of the public registries.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from training.adapter import build_model, save
from training.held_out import look
from training.loop import train
from training.recipe import Recipe, Settings, text_encoder
from training.recipes import RECIPES
from training.registry import cache_dir
from training.torch_session import torch_session


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; a setting that is left out is the recipe's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=RECIPES, required=True)
    parser.add_argument("--output", type=Path, help="folder for the adapter; the default is heads/TASK in the cache")
    parser.add_argument("--examples", help="data set=count, separated by commas")
    parser.add_argument("--rank", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--dropout", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(arguments)


def settings_of(recipe: Recipe, arguments: argparse.Namespace) -> Settings:
    """The recipe's settings with what the command line changes."""
    given = {field.name: getattr(arguments, field.name, None) for field in dataclasses.fields(Settings)}
    if arguments.examples:
        pairs = (part.split("=") for part in arguments.examples.split(","))
        given["examples"] = {name: int(count) for name, count in pairs}
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(recipe.defaults, **changes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the data, train, save, look at the held-out samples."""
    parsed = parse(arguments)
    torch.set_num_threads(parsed.threads)
    recipe = RECIPES[parsed.task]
    settings = settings_of(recipe, parsed)
    output = parsed.output or cache_dir("heads") / parsed.task
    examples = recipe.examples(settings)
    print(f"{len(examples)} examples, {np.mean([e.length for e in examples]):.0f} tokens on average", flush=True)
    model = build_model(recipe, settings)
    model.print_trainable_parameters()
    began = time.monotonic()
    train(model, examples, settings)
    minutes = (time.monotonic() - began) / 60
    save(model, recipe, output)
    # a PeftModel passes what it does not know on to the model that it wraps
    session = torch_session(model, recipe.task, recipe.head, text_encoder())  # type: ignore[arg-type]
    found = look(session, recipe.held_out())
    record = {
        **dataclasses.asdict(settings),
        "minutes": round(minutes, 1),
        "held_out": {name: round(quality.value, 4) for name, quality in found.items()},
        "held_out_interval": {name: [round(q.low, 4), round(q.high, 4)] for name, q in found.items()},
    }
    (output / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
