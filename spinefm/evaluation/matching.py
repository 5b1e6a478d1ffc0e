"""Which predicted vertebra stands for which true one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from spinefm.geometry import mask_dice
from spinefm.structures import Vertebra

MIN_DICE = 0.4
"""A pair counts as identified above this Dice. Source: arXiv:2411.00326."""


@dataclass(frozen=True)
class Pair:
    """A true and a predicted vertebra that stand for each other.

    Attributes:
        truth: Index into the true vertebrae.
        predicted: Index into the predicted vertebrae.
        dice: Of their masks, `MIN_DICE`..1.
    """

    truth: int
    predicted: int
    dice: float


@dataclass(frozen=True)
class Matching:
    """One-to-one matching of the vertebrae of one film.

    Attributes:
        pairs: In the order of the true vertebrae.
        missed: Indices of true vertebrae without a partner.
        spurious: Indices of predicted vertebrae without a partner.
    """

    pairs: tuple[Pair, ...]
    missed: tuple[int, ...]
    spurious: tuple[int, ...]


def match_vertebrae(truth: Sequence[Vertebra], predicted: Sequence[Vertebra], min_dice: float = MIN_DICE) -> Matching:
    """Match one to one, so that the sum of Dice over the pairs above `min_dice` is as large as possible.

    Args:
        truth: Annotated vertebrae of a film.
        predicted: Vertebrae found on the same film; levels play no part in the matching.
        min_dice: A pair counts only above it, 0..1.

    Source: arXiv:2411.00326; differs in that there one prediction may identify several true vertebrae.
    """
    dice = _dice_matrix(truth, predicted)
    # Pairs that do not count must not attract a partner away from pairs that do, hence 0 before the assignment.
    rows, columns = linear_sum_assignment(np.where(dice > min_dice, dice, 0.0), maximize=True)
    pairs = tuple(
        Pair(int(row), int(column), float(dice[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if dice[row, column] > min_dice
    )
    missed = set(range(len(truth))) - {pair.truth for pair in pairs}
    spurious = set(range(len(predicted))) - {pair.predicted for pair in pairs}
    return Matching(pairs, tuple(sorted(missed)), tuple(sorted(spurious)))


def _dice_matrix(truth: Sequence[Vertebra], predicted: Sequence[Vertebra]) -> NDArray[np.float64]:
    """(T, P) Dice of every pair; 0 where the true mask is empty, so that empty never matches empty."""
    dice = np.zeros((len(truth), len(predicted)))
    for row, annotated in enumerate(truth):
        if annotated.mask.any():
            dice[row] = [mask_dice(annotated, found) for found in predicted]
    return dice
