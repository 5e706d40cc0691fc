"""SmoothQuant's division of an activation's channels, as one multiplication in front of its products.

In BERT every LayerNorm is read by a residual too, so the factors cannot hide in its gamma and beta.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.edit import Editor
from bert_calibration.plans import Form
from bert_calibration.products import Site
from bert_calibration.ranges import Range


def factors_of(found: Range | None, form: Form) -> NDArray[np.float32] | None:
    """What each channel is divided by: (channels,), or None."""
    if found is None:
        return None
    factors = found.token_smooth if form is Form.TOKEN else found.smooth
    return np.array(factors, dtype=np.float32) if factors else None


def smoothed(editor: Editor, before: ir.Node, site: Site, factors: NDArray[np.float32] | None) -> ir.Value:
    """The site's activation with its channels divided, or as it is."""
    hidden = site.hidden
    if factors is None:
        return hidden
    place = f"{site.name}.input"
    divided = editor.add(before, "Mul", [hidden, editor.constant(f"{place}.smooth", 1 / factors)], place)
    divided.shape, divided.type = hidden.shape, hidden.type
    return divided
