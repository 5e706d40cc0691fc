"""Data sets out of packages, as lines of a samples file: a request's fields and its gold (`bert_calibration.samples`).

One module for each set. None of the data is part of this repository.
"""

from __future__ import annotations

from collections.abc import Mapping

Line = Mapping[str, object]
"""One labelled sample, as it would stand in a JSON Lines file."""
