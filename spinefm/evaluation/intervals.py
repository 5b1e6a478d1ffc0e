"""How far a mean would move with other patients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

RESAMPLES = 2000
ALIKE = 1e-9
"""Means of groups that differ by less are the same but for rounding."""


def bootstrap_interval(sums: Sequence[float], counts: Sequence[int], seed: int = 0) -> list[float] | None:
    """95 % interval of a mean over things that come in groups, by drawing the groups again, with replacement.

    Args:
        sums: Of each group (patient).
        counts: Things in each; the mean is that of all sums over all counts.
        seed: Of the draws.

    Returns:
        [low, high]; None for fewer than two groups with anything in them, and where all of them are alike: such groups cannot tell
        how far others would be.

    Source: bootstrap of clusters with Efron's BCa intervals, by `scipy.stats.bootstrap`.
    """
    # Sorted, so that the draws do not depend on the order of the films.
    pairs = sorted((total, count) for total, count in zip(sums, counts, strict=True) if count)
    totals, numbers = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    if len(pairs) < 2 or np.ptp(totals / numbers) < ALIKE:
        return None
    drawn = bootstrap(
        (totals, numbers), _mean, n_resamples=RESAMPLES, paired=True, vectorized=True, method="BCa", rng=np.random.default_rng(seed)
    )
    return [float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)]


def _mean(totals: NDArray[np.float64], numbers: NDArray[np.float64], axis: int = -1) -> Any:
    return totals.sum(axis=axis) / numbers.sum(axis=axis)
