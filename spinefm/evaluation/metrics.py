"""From matched films to the numbers of a table.

Every metric is a mean: a sum over films divided by a count. Policy for the empty case: a metric without anything to measure is None,
never nan, 0 or 1, and a failed film stays in every denominator with all its vertebrae missed. Distances are of matched vertebrae only,
so that no mask is empty; what is missed counts in the rates.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spinefm.anatomy import LEVELS, absent_levels, order_with
from spinefm.evaluation.angles import AngleRecord
from spinefm.evaluation.calibration import calibration
from spinefm.evaluation.intervals import bootstrap_interval
from spinefm.evaluation.records import FilmRecord, VertebraRecord
from spinefm.structures import View

UNKNOWN_LEVEL = "unknown"
"""Key of annotated vertebrae without a level in `per_level`, and of predictions without one in `confusion`."""

SumAndCount = tuple[float, int]
"""What a film adds to a metric's sum, and to its count."""


def _total(values: Iterable[float | None]) -> SumAndCount:
    known = [value for value in values if value is not None]
    return math.fsum(known), len(known)


def _matched(measure: Callable[[VertebraRecord], float | None]) -> Callable[[FilmRecord], SumAndCount]:
    """Of the vertebrae that were identified."""
    return lambda film: _total(measure(row) for row in film.true_vertebrae if row.identified)


def _in_mm(measure: Callable[[VertebraRecord], float | None]) -> Callable[[FilmRecord], SumAndCount]:
    """The same in mm, of the films whose spacing is known."""

    def measured(film: FilmRecord) -> SumAndCount:
        total, count = _matched(measure)(film)
        return (total * film.spacing_mm, count) if film.spacing_mm is not None else (0.0, 0)

    return measured


def _of_known_level(film: FilmRecord) -> list[VertebraRecord]:
    return [row for row in film.true_vertebrae if row.true_level is not None]


def offsets(film: FilmRecord) -> list[int]:
    """How many levels too low each identified vertebra was called; of those with both levels known.

    A level that the true spine lacks, T12 or L5, is no step on the way unless a vertebra was called so.
    """
    rows = [(row.predicted_level, row.true_level) for row in film.true_vertebrae if row.identified]
    pairs = [(found, true) for found, true in rows if found is not None and true is not None]
    named = {level for pair in pairs for level in pair}
    absent = absent_levels({row.true_level for row in film.true_vertebrae if row.true_level is not None}) - named
    order = [level for level in order_with(named) if level not in absent]
    return [order.index(found) - order.index(true) for found, true in pairs]


def is_shifted(film: FilmRecord) -> bool | None:
    """Whether all vertebrae that were identified and named are off by the same number of levels; None for fewer than two of them."""
    shifts = offsets(film)
    return len(set(shifts)) == 1 and shifts[0] != 0 if len(shifts) > 1 else None


def is_all_correct(film: FilmRecord) -> bool:
    """Whether every true vertebra was found, with its level where that is known, and nothing else was."""
    right = all(row.labelled if row.true_level else row.identified for row in film.true_vertebrae)
    return right and not film.num_false_positives


VERTEBRA_METRICS: dict[str, Callable[[FilmRecord], SumAndCount]] = {
    "identification_rate": lambda film: _total(float(row.identified) for row in film.true_vertebrae),
    "labelled_identification_rate": lambda film: _total(float(row.labelled) for row in _of_known_level(film)),
    "centroid_identification_rate": lambda film: _total(row.found_by_centroid for row in film.true_vertebrae),
    "dice_identified": _matched(lambda row: row.dice),
    "dice_all": lambda film: _total(row.dice or 0.0 for row in film.true_vertebrae),
    "hd95_px": _matched(lambda row: row.hd95),
    "hd95_mm": _in_mm(lambda row: row.hd95),
    "surface_distance_px": _matched(lambda row: row.surface_distance),
    "surface_distance_mm": _in_mm(lambda row: row.surface_distance),
    "centroid_error_px": _matched(lambda row: row.centroid_error),
    "centroid_error_mm": _in_mm(lambda row: row.centroid_error),
}
"""Means over true vertebrae, of all levels or of one."""

FILM_METRICS: dict[str, Callable[[FilmRecord], SumAndCount]] = {
    "false_positives_per_image": lambda film: (float(film.num_false_positives), 1) if film.spurious_counted else (0.0, 0),
    "all_correct_films": lambda film: (float(is_all_correct(film)), 1),
    "shifted_films": lambda film: _total([is_shifted(film)]),
}
"""Means over films."""


def _of_angles(measure: Callable[[AngleRecord], float | None]) -> Callable[[FilmRecord], SumAndCount]:
    """Of the films whose angles are known."""
    return lambda film: _total([measure(film.angles)]) if film.angles is not None else (0.0, 0)


ANGLE_METRICS: dict[str, Callable[[FilmRecord], SumAndCount]] = {
    "cobb_mae": _of_angles(lambda its: its.error_deg if its.is_measured else None),
    "cobb_mae_all": _of_angles(lambda its: its.error_deg),
    "cobb_smape": _of_angles(lambda its: its.smape_percent if its.is_complete else None),
    "cobb_smape_all": _of_angles(lambda its: its.smape_percent),
    "cobb_measured_films": _of_angles(lambda its: float(its.is_measured)),
    "cobb_complete_films": _of_angles(lambda its: float(its.is_complete)),
}
"""Means over films whose Cobb angles are known: error of the largest one, degrees, and SMAPE of all three, per cent; of the films on which
they are measured, see `record_angles`, and of all, where what is missing makes an angle too small, and 0 where no spine is. Then the
share of films on which the largest one, and all three, are measured.

Source of SMAPE: AASCE 2019, mean over films of 100 x sum |a - b| / sum (a + b).
"""


def compute_metrics(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """All metrics of a set of films, in a fixed order.

    Counts are numbers; a metric is `{"value": v, "ci95": [low, high]}`, a mean and its 95 % bootstrap interval by patient, None where
    there is nothing to measure, or fewer than two patients.

    Returns:
        The headline (`VERTEBRA_METRICS`, `FILM_METRICS`, `num_images`, `num_patients`, `num_vertebrae`, `num_failures`; where Cobb angles
        are known also `ANGLE_METRICS`, `num_cobb_images`, `num_cobb_measured`, `num_cobb_complete`), `per_level`
        {level: {num, vertebra metrics}} from head to foot, `per_view` {view: headline}, `per_reader` {reader: headline} of those who are
        named, `confusion` {true level: {found level: number}} of identified vertebrae, and `calibration`, see there.
    """
    views = [view for view in View if any(film.view == view for film in films)]
    readers = sorted({film.reader for film in films if film.reader is not None})
    return {
        **headline(films),
        "per_level": _per_level(films),
        "per_view": {view.value: headline([film for film in films if film.view == view]) for view in views},
        "per_reader": {reader: headline([film for film in films if film.reader == reader]) for reader in readers},
        "confusion": _confusion(films),
        "calibration": calibration(films),
    }


def headline(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """The metrics of a set of films without any breakdown; see `compute_metrics`."""
    return {
        **_measured(VERTEBRA_METRICS | FILM_METRICS, films),
        "num_images": len(films),
        "num_patients": len({film.patient_id for film in films}),
        "num_vertebrae": sum(len(film.true_vertebrae) for film in films),
        "num_failures": sum(film.failure is not None for film in films),
        **_angle_headline(films),
    }


def _angle_headline(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """Nothing where no angles are known."""
    known = [film.angles for film in films if film.angles is not None]
    if not known:
        return {}
    return {
        **_measured(ANGLE_METRICS, films),
        "num_cobb_images": len(known),
        "num_cobb_measured": sum(its.is_measured for its in known),
        "num_cobb_complete": sum(its.is_complete for its in known),
    }


def _measured(metrics: Mapping[str, Callable[[FilmRecord], SumAndCount]], films: Sequence[FilmRecord]) -> dict[str, Any]:
    return {name: _measure(metric, films) for name, metric in metrics.items()}


def _measure(metric: Callable[[FilmRecord], SumAndCount], films: Sequence[FilmRecord]) -> dict[str, Any]:
    """A metric's value, and its interval by patient."""
    of_patients: dict[str, list[SumAndCount]] = {}
    for film in films:
        of_patients.setdefault(film.patient_id, []).append(metric(film))
    sums = [math.fsum(total for total, _ in each) for each in of_patients.values()]
    counts = [sum(count for _, count in each) for each in of_patients.values()]
    value = math.fsum(sums) / sum(counts) if sum(counts) else None
    return {"value": value, "ci95": bootstrap_interval(sums, counts)}


def mean_dice(film: FilmRecord) -> float | None:
    """Mean Dice over the true vertebrae of a film, 0..1; a missed one counts 0."""
    total, count = VERTEBRA_METRICS["dice_all"](film)
    return total / count if count else None


def _per_level(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """Grouped by the TRUE level: a mislabelled vertebra counts against the level it is, not the one it was called."""
    entries = {}
    for level in (*LEVELS, UNKNOWN_LEVEL):
        rows = [tuple(row for row in film.true_vertebrae if (row.true_level or UNKNOWN_LEVEL) == level) for film in films]
        parts = [replace(film, vertebrae=its) for film, its in zip(films, rows, strict=True) if its]
        if parts:
            entries[level] = {"num": sum(map(len, rows)), **_measured(VERTEBRA_METRICS, parts)}
    return entries


def _confusion(films: Sequence[FilmRecord]) -> dict[str, dict[str, int]]:
    rows = [row for film in films for row in film.true_vertebrae if row.identified and row.true_level is not None]
    order = {level: index for index, level in enumerate((*LEVELS, UNKNOWN_LEVEL))}
    counts = Counter((row.true_level or "", row.predicted_level or UNKNOWN_LEVEL) for row in rows)
    table: dict[str, dict[str, int]] = {}
    for true, found in sorted(counts, key=lambda pair: (order[pair[0]], order[pair[1]])):
        table.setdefault(true, {})[found] = counts[true, found]
    return table
