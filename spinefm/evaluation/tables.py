"""Results as tables: one row per vertebra for pandas, one summary for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.table import Table

from spinefm.evaluation.angles import AngleRecord
from spinefm.evaluation.records import FilmRecord, VertebraRecord
from spinefm.structures import Direction, Point

TITLES = {
    "identification_rate": "Identification",
    "labelled_identification_rate": "Identification, right level",
    "centroid_identification_rate": "Right level, by centroid",
    "dice_identified": "Dice, identified",
    "dice_all": "Dice, missed = 0",
    "hd95_px": "HD95, px",
    "hd95_mm": "HD95, mm",
    "surface_distance_px": "Mean surface distance, px",
    "surface_distance_mm": "Mean surface distance, mm",
    "centroid_error_px": "Centroid error, px",
    "centroid_error_mm": "Centroid error, mm",
    "false_positives_per_image": "False positives per image",
    "all_correct_films": "Images without a mistake",
    "shifted_films": "Images off by whole levels",
    "cobb_mae": "Largest Cobb angle, error, degrees",
    "cobb_mae_all": "Largest Cobb angle, error, degrees, all images",
    "cobb_smape": "Cobb angles, SMAPE, %",
    "cobb_smape_all": "Cobb angles, SMAPE, %, all images",
    "cobb_measured_films": "Images with largest angle measured",
    "cobb_complete_films": "Images with three angles measured",
    "num_images": "Images",
    "num_patients": "Patients",
    "num_vertebrae": "True vertebrae",
    "num_failures": "Failed images",
    "num_cobb_images": "Images with known Cobb angles",
    "num_cobb_measured": "Of these, largest angle measured",
    "num_cobb_complete": "Of these, three angles measured",
    "num_unreadable": "Images that could not be used",
    "num": "True vertebrae",
}
"""Metric keys in words, in the order of a table."""

SHORT_TITLES = {
    "identification_rate": "Identi-\nfied",
    "labelled_identification_rate": "Right\nlevel",
    "dice_identified": "Dice,\nidentified",
    "dice_all": "Dice,\nmissed = 0",
    "false_positives_per_image": "FP per\nimage",
}
"""Of those that fit on a terminal."""

ANGLE_SHORT_TITLES = {
    "cobb_mae": "Cobb,\ndegrees",
    "cobb_mae_all": "the same,\nall images",
    "cobb_smape": "SMAPE,\n%",
    "cobb_smape_all": "the same,\nall images",
}


ANGLES = {
    "cobb_mae": "num_cobb_measured",
    "cobb_mae_all": "num_cobb_images",
    "cobb_smape": "num_cobb_complete",
    "cobb_smape_all": "num_cobb_images",
}
"""Metrics of Cobb angles, and the key of the number of films behind each."""

ANGLE_NAMES = ("largest", "second", "third")
"""Of a film's three Cobb angles, in the columns of `angles.csv`."""


def format_value(key: str, value: float | None) -> str:
    """A metric as a person reads it: per cent for rates, three decimals for Dice, two for distances and angles, a dash where undefined."""
    if value is None:
        return "–"
    if key.endswith(("_rate", "_films")):
        return f"{100 * value:.1f} %"
    if key.endswith(("_px", "_mm", "_per_image")) or key in ANGLES:
        return f"{value:.2f}"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def format_interval(key: str, entry: Mapping[str, Any]) -> tuple[str, str]:
    """Both ends of the interval of a metric's entry; two empty texts where there is none."""
    found = entry.get(key)
    low, high = (found.get("ci95") if isinstance(found, dict) else None) or (None, None)
    return ("", "") if low is None else (format_value(key, low), format_value(key, high))


def metric_cells(entry: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """The metrics `keys` of one entry of `compute_metrics`, formatted; keys that the entry lacks are dashes."""
    return [format_value(key, number(entry, key)) for key in keys]


def number(entry: Mapping[str, Any], key: str) -> float | None:
    """A count, or the value of a metric; None for a key that the entry lacks."""
    found = entry.get(key)
    value: float | None = found["value"] if isinstance(found, dict) else found
    return value


def results_table(results: dict[str, Any]) -> Table:
    """Headline, views, readers and levels for the terminal.

    Args:
        results: From `compute_metrics`.
    """
    keys = list(SHORT_TITLES)
    table = Table(title="Evaluation", caption=_caption(results))
    table.add_column("", no_wrap=True)
    for title in ["True", *SHORT_TITLES.values()]:
        table.add_column(title, justify="right")
    table.add_row("all", *metric_cells(results, ["num_vertebrae", *keys]), style="bold")
    lows, highs = zip(*(format_interval(key, results) for key in keys), strict=True)
    table.add_row("95 % from", "", *lows)
    table.add_row("to", "", *highs, end_section=True)
    for name, entry in (*results["per_view"].items(), *results["per_reader"].items()):
        table.add_row(name, *metric_cells(entry, ["num_vertebrae", *keys]))
    table.add_section()
    for level, entry in results["per_level"].items():
        table.add_row(level, *metric_cells(entry, ["num", *keys]))
    return table


def angles_table(results: Mapping[str, Any]) -> Table | None:
    """Cobb angles for the terminal, each with its number of films; None where none are known."""
    if "num_cobb_images" not in results:
        return None
    table = Table("", "value", "95 % from", "to", "images", title="Cobb angles", caption=f"of {results['num_cobb_images']} images")
    for key, count in ANGLES.items():
        value, (low, high) = number(results, key), format_interval(key, results)
        table.add_row(TITLES[key], format_value(key, value), low, high, str(results[count]))
    return table


def angle_rows(films: Sequence[FilmRecord]) -> pd.DataFrame:
    """One row per film whose Cobb angles are known, degrees."""
    return pd.DataFrame([_angle_cells(film, film.angles) for film in films if film.angles is not None])


def _angle_cells(film: FilmRecord, angles: AngleRecord) -> dict[str, Any]:
    return {
        "film_id": film.film_id,
        "patient_id": film.patient_id,
        **{f"true_{name}_deg": value for name, value in zip(ANGLE_NAMES, angles.true, strict=True)},
        **{f"found_{name}_deg": value for name, value in zip(ANGLE_NAMES, angles.found, strict=True)},
        "error_deg": angles.error_deg,
        "smape_percent": angles.smape_percent,
        "measured": angles.is_measured,
        "complete": angles.is_complete,
        "left_out": angles.left_out,
        "missing": " ".join(angles.missing),
    }


def _caption(results: dict[str, Any]) -> str:
    unreadable = f", {missing} more could not be used" if (missing := results.get("num_unreadable")) else ""
    images = f"{results['num_images']} images ({results['num_failures']} failed{unreadable}) of {results['num_patients']} patients"
    return f"{images}; intervals by bootstrap over patients"


def component_table(component: str, results: dict[str, Any]) -> Table:
    """One component's own metrics for the terminal; `results` is {metric: {"value": v}}, v None where undefined."""
    table = Table("Metric", "Value", title=component)
    for name, entry in results.items():
        table.add_row(name, "–" if entry["value"] is None else f"{entry['value']:.4f}")
    return table


def vertebra_table(films: Sequence[FilmRecord]) -> pd.DataFrame:
    """One row per true or predicted vertebra; centroids in pixels of the original film, empty cells where there is none."""
    return pd.DataFrame([_cells(film, row) for film in films for row in film.vertebrae])


def _cells(film: FilmRecord, row: VertebraRecord) -> dict[str, Any]:
    true_x, true_y = _coordinates(row.true_centroid)
    predicted_x, predicted_y = _coordinates(row.predicted_centroid)
    return {
        "film_id": film.film_id,
        "patient_id": film.patient_id,
        "view": film.view.value,
        "reader": film.reader,
        "true_level": row.true_level,
        "predicted_level": row.predicted_level,
        "dice": row.dice,
        "identified": row.identified,
        "labelled": row.labelled,
        "found_by_centroid": row.found_by_centroid,
        "hd95_px": row.hd95,
        "surface_distance_px": row.surface_distance,
        "centroid_error_px": row.centroid_error,
        "spacing_mm": film.spacing_mm,
        "confidence": row.confidence,
        "true_x": true_x,
        "true_y": true_y,
        "predicted_x": predicted_x,
        "predicted_y": predicted_y,
        "stop_up": film.stops.get(Direction.UP),
        "stop_down": film.stops.get(Direction.DOWN),
        "failure": film.failure,
    }


def _coordinates(point: Point | None) -> tuple[float | None, float | None]:
    return point or (None, None)
