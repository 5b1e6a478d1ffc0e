"""What inference found on a film, as files for other programs: a label map, JSON, and a picture to look at."""

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinefm.anatomy import LEVELS, level_index
from spinefm.drawing.overlay import outlines, overlay, write_picture
from spinefm.files.atomic import atomic_path, write_json
from spinefm.geometry.masks import paint
from spinefm.measurements.curves import named_curve
from spinefm.measurements.spine import MeasuredVertebra, SpineMeasurements, measure_spine
from spinefm.structures import Radiograph, Spine, Vertebra

UNKNOWN_BASE = 100
"""Vertebrae of unknown level have the label values 101, 102, ... from head to foot."""

CORNERS = ("superior_left", "superior_right", "inferior_left", "inferior_right")
"""Names of a vertebra's corners, in the order of `spinefm.measurements`."""

OF_A_RUN: Mapping[str, Any] = MappingProxyType({"doubts": [], "run_id": None, "origin": None})
"""What `<id>.json` says that only a run knows, and what it says without one: see `Results`."""


def level_table() -> dict[str, int]:
    """Label value of each level in `<id>_labels.png`.

    0 is background; C1..C7 are 1..7, T1..T13 are 8..20, L1..L6 are 21..26, S1 is 27; above `UNKNOWN_BASE` stand vertebrae
    of unknown level, numbered from head to foot.
    """
    return {level: 1 + level_index(level) for level in LEVELS}


def label_values(spine: Spine) -> list[int]:
    """Label value of each vertebra of `spine`, in its order; see `level_table`."""
    table, values, num_unknown = level_table(), [], 0
    for vertebra in spine.vertebrae:
        num_unknown += vertebra.level is None
        values.append(UNKNOWN_BASE + num_unknown if vertebra.level is None else table[vertebra.level])
    return values


def label_map(spine: Spine) -> NDArray[np.uint8]:
    """Paint all vertebrae into one image; where two overlap, the more confident one wins.

    Returns:
        (H, W) label values; see `level_table`.
    """
    labels = np.zeros(spine.size, dtype=np.uint8)
    painted = sorted(zip(spine.vertebrae, label_values(spine), strict=True), key=lambda pair: pair[0].confidence)
    for vertebra, value in painted:
        paint(labels, vertebra, value)
    return labels


def spine_to_dict(
    radiograph: Radiograph, spine: Spine, measured: SpineMeasurements, told: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The content of `<id>.json`: lengths in pixels of the original film, points (x, y) in the frame of `spinefm.structures`.

    `polygon` is the outer contour of the mask's largest part; `label` is its value in the label map. Of `corners`, superior is towards the
    head along the spine, and left and right are sides of the film; null where the mask has no four sides. `tilt_deg` is that of the
    midline, positive where its right end is the lower one: the angle of a curve is the difference of these between its end vertebrae.
    `reader` is whose outlines were asked for. `told` are values of the keys of `OF_A_RUN`.
    """
    parts = zip(spine.vertebrae, label_values(spine), measured.vertebrae, strict=True)
    return {
        "film_id": radiograph.film_id,
        "size": {"height": spine.size[0], "width": spine.size[1]},
        "spacing_mm": radiograph.spacing_mm,
        "view": radiograph.view.value,
        "reader": radiograph.reader,
        "dark_bone": spine.turned_over,
        "failure": spine.failure and spine.failure.value,
        "stops": {direction.value: reason.value for direction, reason in spine.stops.items()},
        "label_map": f"{radiograph.film_id}_labels.png",
        "level_table": level_table(),
        "vertebrae": [_vertebra_to_dict(*part) for part in parts],
        "curves": [named_curve(curve, measured.levels) for curve in measured.curves],
        "measurements_left_out": list(measured.left_out),
        **OF_A_RUN,
        **(told or {}),
    }


def _vertebra_to_dict(vertebra: Vertebra, label: int, measured: MeasuredVertebra | None) -> dict[str, Any]:
    return {
        "level": vertebra.level,
        "label": label,
        "confidence": round(float(vertebra.confidence), 4),
        "centroid": [round(float(coordinate), 2) for coordinate in vertebra.centroid],
        "polygon": outlines(vertebra)[0].round(2).tolist() if vertebra.mask.any() else [],
        "corners": None if measured is None else dict(zip(CORNERS, measured.corners.round(2).tolist(), strict=True)),
        "tilt_deg": None if measured is None else round(measured.tilt_deg, 2),
    }


def film_files(folder: str | Path, film_id: str) -> tuple[Path, Path, Path]:
    """Where `write_spine` puts the JSON, the label map and the overlay of a film."""
    content, labels, picture = (Path(folder) / f"{film_id}{ending}" for ending in (".json", "_labels.png", "_overlay.jpg"))
    return content, labels, picture


def is_somebody_elses(folder: str | Path, film_id: str) -> bool:
    """Whether `<id>.json` is no result, but perhaps an annotation: results have a label map."""
    content, labels, _ = film_files(folder, film_id)
    # In this order: another process may be removing both, the JSON first.
    return not labels.is_file() and content.is_file()


def remove_spine(folder: str | Path, film_id: str) -> None:
    """Remove what an earlier run wrote of a film, if it did; the JSON first, so that a film with JSON is complete.

    A JSON without a label map is somebody else's, such as an annotation.
    """
    _, labels, _ = files = film_files(folder, film_id)
    if labels.is_file():
        for path in files:
            path.unlink(missing_ok=True)


def write_spine(folder: str | Path, radiograph: Radiograph, spine: Spine, told: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Measure a spine and write `<id>_labels.png` (8 bit), `<id>_overlay.jpg` and `<id>.json`, all or none, in place of earlier ones.

    A film that failed gets them too: empty labels, the bare film, and its reason in the JSON. The JSON comes last, so
    that a film with JSON is complete.

    Args:
        folder: Made if absent.
        radiograph: The film; its annotations, if any, are not looked at.
        spine: What was found on it.
        told: What a run knows of it besides; see `OF_A_RUN`.

    Returns:
        The content of `<id>.json`; see `spine_to_dict`.

    Raises:
        ValueError: If `spine` is of another film or size.
        OSError: If a file cannot be written.
    """
    if (radiograph.film_id, radiograph.size) != (spine.film_id, spine.size):
        raise ValueError(
            f"Expected the spine of film `{radiograph.film_id}` of size (H, W) = {radiograph.size}, "
            f"but got that of `{spine.film_id}` of size {spine.size}. Pass a film with its own spine."
        )
    measured = measure_spine(spine.vertebrae, radiograph.view)
    content = spine_to_dict(radiograph, spine, measured, told)
    place, labels, picture = film_files(folder, radiograph.film_id)
    with _none_unless_all(labels, picture):
        remove_spine(folder, radiograph.film_id)
        with atomic_path(labels) as temporary:
            # Run lengths are all there is in a label map: smaller than with more effort, and faster.
            Image.fromarray(label_map(spine)).save(temporary, compress_level=1, compress_type=zlib.Z_RLE)
        write_picture(picture, overlay(radiograph.pixels, spine.vertebrae, measured=measured))
        write_json(place, content)
    return content


def read_content(folder: str | Path, film_id: str) -> dict[str, Any] | None:
    """The content of `<id>.json` of a film whose results lie in a folder; None where there are none, or they are damaged."""
    place, labels, _ = film_files(folder, film_id)
    with suppress(OSError, ValueError):
        content = json.loads(place.read_text(encoding="utf-8")) if labels.is_file() else None
        return content if isinstance(content, dict) else None
    return None


@contextmanager
def _none_unless_all(*paths: Path) -> Iterator[None]:
    """Files of a film of which one cannot be written are removed."""
    try:
        yield
    except OSError:
        for path in paths:
            with suppress(OSError):
                path.unlink()
        raise
