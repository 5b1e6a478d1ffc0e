"""Where induction starts: consecutive confident vertebrae."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import comb

import numpy as np

from spinefm.geometry import centroids_of, mask_iou, principal_axis_order
from spinefm.structures import Detections, Vertebra

MAX_GAP_RATIO = 1.6
"""Neighbouring gaps of a spine differ by less than this."""
GAP_RANGE = (0.6, 1.7)
"""Distance of neighbouring vertebrae over the square root of their mean area: about 1, and 2 if one between was overlooked."""
MAX_BEND = 40.0
"""Degrees between two steps in a row."""
MAX_RUNS = 2024
"""Bound on the runs that are looked at: all threes of the 24 most confident detections, longer runs of fewer."""


def base_cases(detections: Detections, length: int = 3, max_overlap: float = 0.3) -> list[tuple[Vertebra, ...]]:
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
    ordered = [kept[i] for i in principal_axis_order(centroids_of(kept))]
    neighbours = [tuple(ordered[start : start + length]) for start in range(len(ordered) - length + 1)]
    regular = [run for run in combinations(ordered, length) if is_regular(run)]
    irregular = [run for run in neighbours if not is_regular(run)]
    return sorted(regular, key=mean_score, reverse=True) + sorted(irregular, key=mean_score, reverse=True)


def without_duplicates(vertebrae: Sequence[Vertebra], max_overlap: float) -> list[Vertebra]:
    """The vertebrae by falling confidence, without those that overlap a more confident one by a larger IoU."""
    kept: list[Vertebra] = []
    for vertebra in sorted(vertebrae, key=lambda v: -v.confidence):
        if all(mask_iou(vertebra, other) <= max_overlap for other in kept):
            kept.append(vertebra)
    return kept


def is_regular(run: Sequence[Vertebra]) -> bool:
    """Whether vertebrae follow each other like neighbours in a spine."""
    steps = np.diff(centroids_of(run), axis=0)
    gaps = np.linalg.norm(steps, axis=1)
    sizes = np.sqrt([(upper.area + lower.area) / 2 for upper, lower in pairwise(run)])
    fitting = (gaps > GAP_RANGE[0] * sizes) & (gaps < GAP_RANGE[1] * sizes)
    if not fitting.all() or gaps.max() > MAX_GAP_RATIO * gaps.min():
        return False
    cosines = (steps[1:] * steps[:-1]).sum(1) / (gaps[1:] * gaps[:-1])
    return bool((cosines > np.cos(np.radians(MAX_BEND))).all())


def mean_score(run: Sequence[Vertebra]) -> float:
    """Mean confidence."""
    return sum(vertebra.confidence for vertebra in run) / len(run)
