"""What a DICOM file's header tells of a film beside its pixels: the side of a pixel and the view."""

import logging
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom

from spinefm.data.problems import DataError, Problem
from spinefm.structures import View

logger = logging.getLogger(__name__)

_VIEWS = {
    **dict.fromkeys(("AP", "PA"), View.AP_SPINE),
    **dict.fromkeys(("LL", "RL", "LLAT", "RLAT", "LATERAL", "LAT"), View.LATERAL),
}
"""By a DICOM file's view position, which does not say what part of the spine it shows."""
# Context group 4010 of DICOM part 16, in SNOMED's numbers and in the letters that these had before.
_FRONT_CODES = ("399348003", "272479007", "399033003", "R-10206", "R-10214", "R-40888", "R-10202")  # AP, PA, frontal
_LATERAL_CODES = ("399067008", "399173006", "399198007", "R-102CD", "R-10236", "R-10232")  # lateral, left, right
_VIEWS_OF_CODES = {**dict.fromkeys(_FRONT_CODES, View.AP_SPINE), **dict.fromkeys(_LATERAL_CODES, View.LATERAL)}
_SNOMED = frozenset({"SCT", "SRT", "SNM3"})


def spacing_mm(dataset: pydicom.Dataset, path: Path) -> float | None:
    """Side of a pixel; None where the header does not tell.

    Raises:
        DataError: If pixels are not square: every angle would be wrong.
    """
    # PixelSpacing is calibrated to the patient; ImagerPixelSpacing holds at the detector, some percent too large.
    sides = _sides(dataset, "PixelSpacing", path) or _sides(dataset, "ImagerPixelSpacing", path)
    height, width = sides or _sides(dataset, "PixelAspectRatio", path) or (1.0, 1.0)
    if abs(height - width) > 0.01 * height:
        found = f"pixels {height / width:.4g} times as high as wide"
        raise DataError(Problem(path, "to be a film of square pixels", found, "Export it with square pixels."))
    return height if sides else None


def _sides(dataset: pydicom.Dataset, name: str, path: Path) -> tuple[float, float] | None:
    """Height and width of a pixel, as an element of the header tells; None where it is missing, empty or no two lengths."""
    if name not in dataset or dataset[name].is_empty:
        return None
    with suppress(TypeError, ValueError):  # pydicom makes numbers of the text only when it is asked for them
        height, width = map(float, dataset[name].value)
        if 0 < height < np.inf and 0 < width < np.inf:
            return height, width
    logger.warning("%s: its %s is no height and width of a pixel, and counts as missing.", path, name)
    return None


def view(dataset: pydicom.Dataset, path: Path) -> View:
    """From where the film was taken; `UNKNOWN` where the header does not tell."""
    said = str(dataset.get("ViewPosition") or "").strip().upper()
    if said in _VIEWS:
        return _VIEWS[said]
    if said:
        logger.warning("%s: its ViewPosition is `%s`, which is none of %s, and counts as missing.", path, said, ", ".join(_VIEWS))
    return _view_of_code(dataset, path) or _view_of_rows(dataset) or View.UNKNOWN


def _view_of_code(dataset: pydicom.Dataset, path: Path) -> View | None:
    items = dataset.get("ViewCodeSequence") or ()
    if items and not isinstance(items, pydicom.Sequence):
        logger.warning("%s: its ViewCodeSequence is no sequence, and counts as missing.", path)
        return None
    for item in items:
        scheme, code = item.get("CodingSchemeDesignator"), item.get("CodeValue")
        if scheme in _SNOMED and code in _VIEWS_OF_CODES:
            return _VIEWS_OF_CODES[code]
        told = " ".join(str(part) for part in (scheme, code, item.get("CodeMeaning")) if part) or "nothing"
        logger.warning("%s: its ViewCodeSequence says `%s`, which is not understood, and counts as missing.", path, told)
    return None


def _view_of_rows(dataset: pydicom.Dataset) -> View | None:
    # Rows run to the front or to the back only where the film was taken from the side. Those of films from the front
    # run to the left, but so do those of films for which somebody left the direction as it was.
    towards = str(next(iter(dataset.get("PatientOrientation") or ()), ""))
    return View.LATERAL if towards.startswith(("A", "P")) else None
