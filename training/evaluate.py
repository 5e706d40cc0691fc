"""Every metric of a bundle's head, with 95% intervals, through the runtime that users run.

python -m training.evaluate build/demo-qa --data squad-dev --limit 1000
python -m training.evaluate my-bundle --data labelled.jsonl
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bert_runtime
from bert_calibration.samples import read_samples
from training.held_out import measured, write_lines
from training.test_sets import TEST_SETS


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the metrics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", required=True, help=f"{', '.join(TEST_SETS)}, or a labelled JSON Lines file")
    parser.add_argument("--limit", type=int, help="take the first so many of a named set, or so many out of a file")
    parsed = parser.parse_args(arguments)
    with bert_runtime.load(parsed.bundle) as session, tempfile.TemporaryDirectory() as folder:
        path, limit = Path(parsed.data), parsed.limit
        if parsed.data in TEST_SETS:
            path, limit = write_lines(TEST_SETS[parsed.data]()[: parsed.limit], Path(folder) / "data.jsonl"), None
        samples = read_samples(path, session.task, session.record.settings, session.text, limit)
        found = measured(session, samples)
    print(json.dumps([dataclasses.asdict(quality) for quality in found], indent=2))


if __name__ == "__main__":
    main()
