"""Where induction starts: consecutive confident vertebrae."""

import numpy as np
from numpy.typing import NDArray

from spinefm.geometry import centroids_of, principal_axis_order
from spinefm.structures import Detections, Vertebra

MAX_GAP_RATIO = 1.6
"""Neighbouring gaps of a spine differ by less than this; a vertebra overlooked or found twice makes them differ by more."""


def base_cases(detections: Detections, length: int = 3) -> list[tuple[Vertebra, ...]]:
    """Runs of consecutive detections, the most promising first.

    Detections are ordered along their principal axis. Runs whose gaps are even come first, and among them those with the
    highest mean score.

    Args:
        detections: Of one film.
        length: Vertebrae in a run, at least 2.

    Returns:
        Each from head to foot; empty if there are fewer than `length` detections.

    Source: arXiv:2411.00326, which takes the highest mean score without looking at the gaps.
    """
    ordered = [detections.vertebrae[i] for i in principal_axis_order(centroids_of(detections.vertebrae))]
    if len(ordered) < length:
        return []
    gaps = np.linalg.norm(np.diff(centroids_of(ordered), axis=0), axis=1)
    starts = range(len(ordered) - length + 1)
    ranks = [(_is_even(gaps[s : s + length - 1], gaps), _mean_score(ordered[s : s + length]), -s) for s in starts]
    return [tuple(ordered[-s : -s + length]) for _, _, s in sorted(ranks, reverse=True)]


def _is_even(gaps: NDArray[np.float64], all_gaps: NDArray[np.float64]) -> bool:
    """Whether a run's gaps are like each other and not longer than is usual on the film."""
    like_each_other = gaps.max() <= MAX_GAP_RATIO * gaps.min()
    return bool(like_each_other and gaps.max() <= MAX_GAP_RATIO * np.median(all_gaps))


def _mean_score(run: list[Vertebra]) -> float:
    return sum(vertebra.confidence for vertebra in run) / len(run)
