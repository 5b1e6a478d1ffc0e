"""What inference found, as files for other programs: of each film a label map, JSON, and a picture to look at; one table of all curves."""

import csv
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinefm.anatomy import LEVELS, level_index
from spinefm.drawing.overlay import outlines, overlay, write_picture
from spinefm.files.atomic import atomic_path, write_json
from spinefm.geometry.masks import paint
from spinefm.measurements.curves import LEAST_CURVE_DEG, Curve
from spinefm.measurements.spine import MeasuredVertebra, SpineMeasurements, measure_spine
from spinefm.structures import Radiograph, Spine, Vertebra

UNKNOWN_BASE = 100
"""Vertebrae of unknown level have the label values 101, 102, ... from head to foot."""

CORNERS = ("superior_left", "superior_right", "inferior_left", "inferior_right")
"""Names of a vertebra's corners, in the order of `spinefm.measurements`."""

COLUMNS = ("film_id", "view", "upper", "lower", "apex", "angle_deg", "direction", "remark")
"""Of `measurements.csv`."""


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


def spine_to_dict(radiograph: Radiograph, spine: Spine, measured: SpineMeasurements) -> dict[str, Any]:
    """The content of `<id>.json`: lengths in pixels of the original film, points (x, y) in the frame of `spinefm.structures`.

    `polygon` is the outer contour of the mask's largest part; `label` is its value in the label map. Of `corners`, superior is towards the
    head along the spine, and left and right are sides of the film; null where the mask has no four sides. `tilt_deg` is that of the
    midline, positive where its right end is the lower one: the angle of a curve is the difference of these between its end vertebrae.
    `reader` is whose outlines were asked for.
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
        "curves": [_curve_to_dict(curve, measured.levels) for curve in measured.curves],
        "measurements_left_out": list(measured.left_out),
    }


def _curve_to_dict(curve: Curve, levels: Sequence[str]) -> dict[str, Any]:
    return {
        "upper": levels[curve.upper],
        "lower": levels[curve.lower],
        "apex": None if curve.apex is None else levels[curve.apex],
        "angle_deg": round(curve.angle_deg, 1),
        "direction": curve.direction,
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


def write_spine(folder: str | Path, radiograph: Radiograph, spine: Spine) -> SpineMeasurements:
    """Measure a spine and write `<id>_labels.png` (8 bit), `<id>_overlay.jpg` and `<id>.json`, each whole or not at all.

    A film that failed gets them too: empty labels, the bare film, and its reason in the JSON. The JSON comes last, so
    that a film with JSON is complete.

    Args:
        folder: Made if absent.
        radiograph: The film; its annotations, if any, are not looked at.
        spine: What was found on it.

    Returns:
        What was measured.

    Raises:
        ValueError: If `spine` is of another film or size.
    """
    if (radiograph.film_id, radiograph.size) != (spine.film_id, spine.size):
        raise ValueError(
            f"Expected the spine of film `{radiograph.film_id}` of size (H, W) = {radiograph.size}, "
            f"but got that of `{spine.film_id}` of size {spine.size}. Pass a film with its own spine."
        )
    measured = measure_spine(spine.vertebrae, radiograph.view)
    stem = Path(folder) / radiograph.film_id
    with atomic_path(stem.with_name(f"{stem.name}_labels.png")) as temporary:
        # Run lengths are all there is in a label map: smaller than with more effort, and faster.
        Image.fromarray(label_map(spine)).save(temporary, compress_level=1, compress_type=zlib.Z_RLE)
    picture = overlay(radiograph.pixels, spine.vertebrae, measured=measured)
    write_picture(stem.with_name(f"{stem.name}_overlay.jpg"), picture)
    write_json(stem.with_name(f"{stem.name}.json"), spine_to_dict(radiograph, spine, measured))
    return measured


def curve_rows(radiograph: Radiograph, spine: Spine, measured: SpineMeasurements) -> list[dict[str, Any]]:
    """The rows of `measurements.csv` about a film: one per curve, and one per reason why something was left out.

    A film with neither has one row, which says so.
    """
    known = {"film_id": radiograph.film_id, "view": radiograph.view.value}
    rows = [{**known, **_curve_to_dict(curve, measured.levels)} for curve in measured.curves]
    failed = [f"No spine was found: {spine.failure.value.replace('_', ' ')}."] if spine.failure else []
    remarks = [*failed, *measured.left_out] or ([] if rows else [f"No curve of at least {LEAST_CURVE_DEG:g} degrees."])
    return [*rows, *({**known, "remark": remark} for remark in remarks)]


def write_film(folder: str | Path, found: tuple[Radiograph, Spine]) -> tuple[Spine, list[dict[str, Any]]]:
    """Write what was found on a film, see `write_spine`; the spine, and its `curve_rows`."""
    radiograph, spine = found
    return spine, curve_rows(radiograph, spine, write_spine(folder, radiograph, spine))


def write_measurements(
    folder: str | Path, films: Sequence[str], rows: Iterable[Mapping[str, Any]], failures: Mapping[str, str] | None = None
) -> None:
    """Write `measurements.csv`, whole or not at all.

    Args:
        folder: Made if absent.
        films: Ids of all films, in the order in which they are to stand.
        rows: Of films, in any order; see `curve_rows`.
        failures: Why films failed, by id; those without a row get one with the reason.
    """
    rows = list(rows)
    measured, place = {row["film_id"] for row in rows}, {film_id: index for index, film_id in enumerate(films)}
    unread = [{"film_id": film_id, "remark": reason} for film_id, reason in (failures or {}).items() if film_id not in measured]
    with atomic_path(Path(folder) / "measurements.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted([*rows, *unread], key=lambda row: place[row["film_id"]]))
