"""What a DICOM file's header tells of a film beside its pixels: the side of a pixel and the view."""

import logging
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom

from spinefm.structures import View

logger = logging.getLogger(__name__)

_VIEWS = {
    **dict.fromkeys(("AP", "PA"), View.AP_SPINE),
    **dict.fromkeys(("LL", "RL", "LATERAL", "LAT"), View.LATERAL),
}
"""By a DICOM file's view position, which does not say what part of the spine it shows."""


def spacing_mm(dataset: pydicom.Dataset, path: Path) -> float | None:
    """Side of a pixel; None where the header does not tell."""
    # PixelSpacing is calibrated to the patient; ImagerPixelSpacing holds at the detector, some percent too large.
    sides = _sides_mm(dataset, "PixelSpacing", path) or _sides_mm(dataset, "ImagerPixelSpacing", path)
    if sides is None:
        return None
    rows, columns = sides
    if abs(rows - columns) > 0.01 * rows:
        logger.warning("%s: pixels of %g x %g mm are not square; its spacing counts as unknown.", path, rows, columns)
        return None
    return rows


def _sides_mm(dataset: pydicom.Dataset, name: str, path: Path) -> tuple[float, float] | None:
    """Height and width of a pixel, as an element of the header tells; None where it is missing, empty or no two lengths."""
    if name not in dataset or dataset[name].is_empty:
        return None
    with suppress(TypeError, ValueError):  # pydicom makes numbers of the text only when it is asked for them
        rows, columns = map(float, dataset[name].value)
        if 0 < rows < np.inf and 0 < columns < np.inf:
            return rows, columns
    logger.warning("%s: its %s is no height and width of a pixel, and counts as missing.", path, name)
    return None


def view(dataset: pydicom.Dataset, path: Path) -> View:
    """From where the film was taken; `UNKNOWN` where the header does not tell."""
    said = str(dataset.get("ViewPosition") or "").strip().upper()
    if said and said not in _VIEWS:
        logger.warning("%s: its ViewPosition is `%s`, which is none of %s; its view counts as unknown.", path, said, ", ".join(_VIEWS))
    return _VIEWS.get(said, View.UNKNOWN)
