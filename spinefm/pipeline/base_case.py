"""Where induction starts: consecutive confident vertebrae."""

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from spinefm.geometry.centroids import centroids_of, principal_axis_order
from spinefm.geometry.masks import mask_iou
from spinefm.structures import Detections, Vertebra

MAX_OVERLAP = 0.3
"""Mask IoU above which two detections are one vertebra."""
MAX_GAP_RATIO = 1.6
"""Neighbouring gaps of a spine differ by less than this."""
GAP_RANGE = (0.6, 1.7)
"""Distance of neighbouring vertebrae over the square root of their mean area: about 1, and 2 if one between was overlooked."""
MAX_BEND = 40.0
"""Degrees between two steps in a row."""
MAX_RUNS = 2024
"""Bound on the runs that are looked at: all threes of the 24 most confident detections, longer runs of fewer."""


def base_cases(detections: Detections, length: int = 3, max_overlap: float = MAX_OVERLAP) -> list[tuple[Vertebra, ...]]:
    """Runs of neighbouring vertebrae among the detections, the most promising first.

    Detections are ordered along their principal axis. Runs that look like a piece of a spine come first – evenly spaced, by a
    distance that fits their size, nearly straight – and among them those with the highest mean score. False detections
    between true ones thus do no harm.

    Args:
        detections: Of one film.
        length: Vertebrae in a run, at least 2.
        max_overlap: Of two detections with a larger mask IoU the less confident is dropped.

    Returns:
        Each from head to foot; empty if fewer than `length` detections remain.

    Source: arXiv:2411.00326, which takes the three neighbours on the axis with the highest mean score, whatever they look like.
    """
    kept = without_duplicates(detections.vertebrae, max_overlap)
    while comb(len(kept), length) > MAX_RUNS:
        kept.pop()
    if len(kept) < length:
        return []
    ordered = [kept[i] for i in principal_axis_order(centroids_of(kept))]
    runs = np.array(list(combinations(range(len(ordered)), length)))
    regular = are_regular(centroids_of(ordered)[runs], np.array([vertebra.area for vertebra in ordered])[runs])
    neighbours = runs[:, -1] - runs[:, 0] == length - 1
    best_first = [
        sorted((tuple(ordered[i] for i in run) for run in runs[chosen]), key=mean_score, reverse=True)
        for chosen in (regular, neighbours & ~regular)
    ]
    return best_first[0] + best_first[1]


def without_duplicates(vertebrae: Sequence[Vertebra], max_overlap: float) -> list[Vertebra]:
    """The vertebrae by falling confidence, without those that overlap a more confident one by a larger IoU."""
    kept: list[Vertebra] = []
    for vertebra in sorted(vertebrae, key=lambda v: -v.confidence):
        if all(mask_iou(vertebra, other) <= max_overlap for other in kept):
            kept.append(vertebra)
    return kept


def are_regular(centroids: NDArray[np.float64], areas: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Whether vertebrae follow each other like neighbours in a spine.

    Args:
        centroids: (R, L, 2) of R runs of L vertebrae, pixels.
        areas: (R, L), pixels.

    Returns:
        (R,).
    """
    steps = np.diff(centroids, axis=1)
    gaps = np.linalg.norm(steps, axis=2)
    sizes = np.sqrt((areas[:, 1:] + areas[:, :-1]) / 2)
    fitting = ((gaps > GAP_RANGE[0] * sizes) & (gaps < GAP_RANGE[1] * sizes)).all(1)
    even = gaps.max(1) <= MAX_GAP_RATIO * gaps.min(1)
    along = (steps[:, 1:] * steps[:, :-1]).sum(2)
    straight = (along > np.cos(np.radians(MAX_BEND)) * gaps[:, 1:] * gaps[:, :-1]).all(1)
    regular: NDArray[np.bool_] = fitting & even & straight
    return regular


def mean_score(run: Sequence[Vertebra]) -> float:
    """Mean confidence."""
    return sum(vertebra.confidence for vertebra in run) / len(run)
