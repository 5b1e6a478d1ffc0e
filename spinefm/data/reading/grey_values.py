"""Grey values of any kind to 8 bits for display."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinefm.structures import Pixels

_TAIL_PERCENT = 0.5
"""Share of pixels that may saturate at either end: markers and collimator edges would else eat the range."""


def to_uint8(
    values: NDArray[Any], limits: tuple[float, float] | None = None, known: NDArray[np.bool_] | None = None, negative: bool = False
) -> Pixels:
    """Scale linearly; what is not known or not finite becomes black.

    Args:
        values: (...) of any range.
        limits: Values that become 0 and 255; None takes robust percentiles of those that are known.
        known: (...), where `values` are of the picture; None takes them all.
        negative: Whether to turn the result over, but for what is not known.

    Raises:
        ValueError: If nothing is known.
    """
    known = np.isfinite(values) if known is None else known & np.isfinite(values)
    finite = values[known]
    if not finite.size:
        raise ValueError("no finite pixel")
    low, high = limits if limits else np.percentile(finite, (_TAIL_PERCENT, 100 - _TAIL_PERCENT))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    scale = 255.0 / (high - low) if high > low else 0.0
    pixels = np.clip((np.where(known, values, low).astype(np.float32) - low) * scale + 0.5, 0, 255).astype(np.uint8)
    return np.where(known, 255 - pixels if negative else pixels, np.uint8(0))
