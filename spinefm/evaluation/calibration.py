"""Whether confidence means what it says."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinefm.evaluation.intervals import RESAMPLES
from spinefm.evaluation.records import FilmRecord, VertebraRecord

BINS = 10

Array = NDArray[np.float64]


def calibration(films: Iterable[FilmRecord], seed: int = 0) -> dict[str, Any]:
    """Confidence of predictions against how often they are right: on a true vertebra, with its level where that is known.

    Args:
        films: Evaluated ones.
        seed: Of the interval's draws.

    Returns:
        `expected_calibration_error` {"value", "ci95"}, the mean distance between confidence and share of right ones, weighted by
        number, and its 95 % bootstrap interval by patient; None without predictions, or of fewer than two patients. `bins`, from low to
        high confidence: {low, high, num, confidence, right}, without empty ones.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    of_patients: dict[str, Array] = {}
    for film in films:
        of_patients[film.patient_id] = of_patients.get(film.patient_id, np.zeros((BINS, 3))) + _counts(film)
    tables = np.array([table for _, table in sorted(of_patients.items()) if table.any()]).reshape(-1, BINS, 3)
    whole = tables.sum(0)
    bins = [_bin(index, row) for index, row in enumerate(whole) if row[0]]
    return {"expected_calibration_error": {"value": float(_error(whole)) if bins else None, "ci95": _interval(tables, seed)}, "bins": bins}


def _counts(film: FilmRecord) -> Array:
    """(BINS, 3): number, sum of confidences and number of right ones among the predictions of each bin."""
    # Where predictions may stand for several true vertebrae, each still counts once.
    found: dict[Any, tuple[float, bool]] = {}
    for row in film.vertebrae:
        if row.confidence is not None:
            right = found.get(row.predicted_centroid, (0.0, False))[1]
            found[row.predicted_centroid] = row.confidence, right or _is_right(row)
    table = np.zeros((BINS, 3))
    for confidence, right in found.values():
        table[min(int(confidence * BINS), BINS - 1)] += (1, confidence, right)
    return table


def _is_right(row: VertebraRecord) -> bool:
    return row.identified and row.true_level in (None, row.predicted_level)


def _error(tables: Array) -> Any:
    """(...) of (..., BINS, 3)."""
    return np.abs(tables[..., 1] - tables[..., 2]).sum(-1) / tables[..., 0].sum(-1)


def _interval(tables: Array, seed: int) -> list[float] | None:
    """Percentiles of the error when patients are drawn again."""
    if (number := len(tables)) < 2:
        return None
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    errors = _error(np.tensordot(drawn.astype(np.float64), tables, axes=1))
    return [float(end) for end in np.percentile(errors, (2.5, 97.5))]


def _bin(index: int, row: Sequence[float] | Array) -> dict[str, float]:
    number, confidence, right = (float(value) for value in row)
    bounds = {"low": index / BINS, "high": (index + 1) / BINS}
    return {**bounds, "num": int(number), "confidence": confidence / number, "right": right / number}
