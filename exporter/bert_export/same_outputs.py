"""Whether two artefacts give the same numbers on the task's own examples: what slicing must not change."""

from __future__ import annotations

import numpy as np

from bert_calibration.baseline import BaselineArtefact
from bert_export.errors import GateError
from bert_export.judged import answerable
from bert_runtime.schedule import collate

ABSOLUTE, RELATIVE = 1e-4, 1e-4
"""What sums in another order may differ by."""


def check_same(one: BaselineArtefact, other: BaselineArtefact) -> None:
    """Pass, or say how far the outputs of two graphs of one head are apart.

    Raises:
        GateError: further than sums in another order.
    """
    names = [spec.name for spec in one.artefact.outputs]
    worst, where = 0.0, ""
    with one.engine() as first, other.engine() as second:
        for row in one.rows(answerable(one)):
            feeds = collate([row], one.text.pad_id)
            given = {spec.name: feeds[spec.name] for spec in one.artefact.inputs}
            expected, got = first.run(given, names), second.run(given, names)
            for name in names:
                limit = ABSOLUTE + RELATIVE * float(np.abs(expected[name]).max(initial=0))
                gap = float(np.abs(expected[name] - got[name]).max(initial=0)) / limit
                if not gap <= worst:
                    worst, where = gap, name
    if not worst <= 1:
        raise GateError(
            f"{where} of the sliced graph is {worst:.1f} times as far from that of the masked one as sums in another "
            f"order are, expected 1 at most ({one.artefact.target}). No bundle was written; this is a mistake of "
            "bert-export: report it with the checkpoint's configuration"
        )
