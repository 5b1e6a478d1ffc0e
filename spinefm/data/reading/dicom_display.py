"""How a DICOM file says that its pixels are to be shown."""

from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from spinefm.data.reading.grey_values import to_uint8
from spinefm.structures import Pixels


def display(stored: NDArray[Any], dataset: pydicom.Dataset) -> Pixels:
    """(H, W) display values of (H, W) stored grey values or (H, W, 3) colours."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        raise ValueError("palette colours")
    if stored.ndim == 3:
        return to_uint8(stored.mean(2), (0, 2**dataset.BitsStored - 1))
    shown = apply_voi_lut(apply_modality_lut(stored, dataset), dataset)
    pixels = to_uint8(shown, _window_limits(dataset))
    # The window is defined on stored values, so that MONOCHROME1 (bone dark) is turned over only now.
    return 255 - pixels if dataset.PhotometricInterpretation == "MONOCHROME1" else pixels


def _window_limits(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Values that are black and white; None without a window, or with one of which elements are missing or empty."""
    # What black and white become depends on bits, rescaling and table; two values beyond every window tell.
    beyond = np.array([-(2**31), 2**31])
    black, white = apply_voi_lut(beyond, dataset)
    if (black, white) == tuple(beyond):
        return None
    return float(min(black, white)), float(max(black, white))
