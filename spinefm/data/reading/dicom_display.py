"""How a DICOM file says that its pixels are to be shown."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from spinefm.data.reading.grey_values import to_uint8
from spinefm.structures import Pixels

logger = logging.getLogger(__name__)


def display(stored: NDArray[Any], dataset: pydicom.Dataset, path: Path) -> Pixels:
    """(H, W) display values of (H, W) stored grey values or (H, W, 3) colours; padding is black."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        raise ValueError("palette colours")
    if stored.ndim == 3:
        return to_uint8(stored.mean(2), (0, 2**dataset.BitsStored - 1))
    values, picture = apply_modality_lut(stored, dataset), _picture(stored, dataset, path)
    # The window is defined on stored values, so that MONOCHROME1 (bone dark) is turned over only after it.
    negative = dataset.PhotometricInterpretation == "MONOCHROME1"
    if windowed := _windowed(values, dataset, path):
        pixels = to_uint8(*windowed, picture, negative)
        if np.ptp(pixels[picture]) or not np.ptp(values[picture]):
            return pixels
        _warn_of_window(dataset, path, "all of the film lies outside")
    return to_uint8(values, None, picture, negative)


def _picture(stored: NDArray[Any], dataset: pydicom.Dataset, path: Path) -> NDArray[np.bool_]:
    """(H, W), where stored values are no padding around the picture; everywhere, if they would all be padding."""
    value = _whole_number(dataset, "PixelPaddingValue", path)
    if value is None:
        return np.ones(stored.shape, dtype=bool)
    limit = _whole_number(dataset, "PixelPaddingRangeLimit", path)
    # Some files write a negative padding as an unsigned number, or the other way round.
    first = -(2**15) if stored.dtype.kind == "i" else 0
    ends = [(end - first) % 2**16 + first for end in (value, value if limit is None else limit)]
    picture = (stored < min(ends)) | (stored > max(ends))
    if not picture.any():
        logger.warning("%s: all of its pixels are padding by its PixelPaddingValue (0028,0120) `%d`, which counts as missing.", path, value)
        return ~picture
    return picture


def _whole_number(dataset: pydicom.Dataset, name: str, path: Path) -> int | None:
    value = dataset.get(name)
    if value in (None, "", b"") or isinstance(value, int):
        return value if isinstance(value, int) else None
    logger.warning("%s: its %s %s is `%s`, which is no whole number, and counts as missing.", path, name, dataset[name].tag, value)
    return None


def _windowed(values: NDArray[Any], dataset: pydicom.Dataset, path: Path) -> tuple[NDArray[Any], tuple[float, float]] | None:
    """Values as the display window makes them, and which of these are black and white; None without a window that can be used."""
    try:
        limits = _window_limits(dataset)
        shown = apply_voi_lut(values, dataset)
        if limits and not np.isfinite([*limits, shown.min(), shown.max()]).all():
            raise ValueError("no finite value")
    except Exception as error:  # What stands in these elements may lead pydicom to any exception.
        _warn_of_window(dataset, path, str(error))
        return None
    return (shown, limits) if limits else None


def _warn_of_window(dataset: pydicom.Dataset, path: Path, reason: str) -> None:
    told = "VOILUTSequence (0028,3010)"
    if not dataset.get("VOILUTSequence"):
        elements = [dataset[name] for name in ("WindowCenter", "WindowWidth", "VOILUTFunction") if name in dataset]
        told = ", ".join(f"{element.keyword} {element.tag} `{element.value}`" for element in elements)
    logger.warning("%s: its display window, %s, cannot be used (%s); it is shown without one.", path, told, reason)


def _window_limits(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Values that are black and white; None without a window, or with one of which elements are missing or empty."""
    # What black and white become depends on bits, rescaling and table; two values beyond every window tell.
    beyond = np.array([-(2**31), 2**31])
    black, white = apply_voi_lut(beyond, dataset)
    if (black, white) == tuple(beyond):
        return None
    return float(min(black, white)), float(max(black, white))
