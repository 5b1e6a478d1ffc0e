"""Whether confidence means what it says."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from torchmetrics.functional.classification import binary_calibration_error

from spinefm.evaluation.records import VertebraRecord

BINS = 10


def calibration(rows: Sequence[VertebraRecord]) -> dict[str, Any]:
    """Confidence of predictions against how often they are right: on a true vertebra, with its level where that is known.

    Returns:
        `expected_calibration_error` {"value": v}, the mean distance between confidence and share of right ones, weighted by number;
        None without predictions. `bins`, from low to high confidence: {low, high, num, confidence, right}, without empty ones.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017; by torchmetrics.
    """
    pairs = [(row.confidence, _is_right(row)) for row in rows if row.confidence is not None]
    if not pairs:
        return {"expected_calibration_error": {"value": None}, "bins": []}
    confidences, right = torch.tensor([pair[0] for pair in pairs]).double(), torch.tensor([int(pair[1]) for pair in pairs])
    error = float(binary_calibration_error(confidences, right, n_bins=BINS))
    return {"expected_calibration_error": {"value": error}, "bins": [entry for index in range(BINS) if (entry := _bin(pairs, index))]}


def _is_right(row: VertebraRecord) -> bool:
    return row.identified and row.true_level in (None, row.predicted_level)


def _bin(pairs: Sequence[tuple[float, bool]], index: int) -> dict[str, float] | None:
    inside = [pair for pair in pairs if min(int(pair[0] * BINS), BINS - 1) == index]
    if not inside:
        return None
    confidence, right = fmean(pair[0] for pair in inside), fmean(float(pair[1]) for pair in inside)
    return {"low": index / BINS, "high": (index + 1) / BINS, "num": len(inside), "confidence": confidence, "right": right}
