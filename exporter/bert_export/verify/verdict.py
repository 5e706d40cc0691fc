"""The verdict of the parity gate as a sentence: on how many texts, and what they leave open."""

from __future__ import annotations

from collections.abc import Sequence

from bert_calibration.quality.interval import clopper_pearson
from bert_export.tolerances import Tolerance
from bert_export.verify.report import Check


def verdict_of(checks: Sequence[Check], tolerance: Tolerance) -> str:
    """Of comparisons that passed, the first of them on real texts.

    Where numbers are rounded on the way, outputs near to torch's are proven, and equal answers to other texts are not:
    the interval of Clopper and Pearson says how many may differ.
    """
    texts, generated = checks[0], sum(check.cases for check in checks[1:])
    report = f"{texts.independent} different real texts" + (f" and {generated} generated inputs" if generated else "")
    words = (
        f"outputs differ from torch's by at most {tolerance}, on {report}; {texts.same_answers} of {texts.cases} "
        "answers the same"
    )
    if not tolerance.relative:
        return words
    if not texts.independent or texts.same_answers is None:
        return f"{words}; accuracy not proven: no answer was compared"
    others = texts.cases - texts.same_answers
    low, _ = clopper_pearson(max(texts.independent - others, 0), texts.independent)
    return f"{words}; accuracy not proven: up to {1 - low:.0%} of other texts may get another answer (95% confidence)"
