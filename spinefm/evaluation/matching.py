"""Which predicted vertebra stands for which true one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from spinefm.geometry.masks import mask_dice
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
    """Which vertebrae of one film stand for each other.

    Attributes:
        pairs: In the order of the true vertebrae.
        spurious: Indices of predicted vertebrae without a partner.
    """

    pairs: tuple[Pair, ...]
    spurious: tuple[int, ...]


@dataclass(frozen=True)
class Protocol:
    """What counts as found.

    Attributes:
        min_dice: A prediction can stand for a true vertebra only above it, 0..1.
        one_to_one: Whether a prediction stands for one true vertebra at most; otherwise every true one takes the best.
        count_spurious: Whether predictions that stand for none are held against a pipeline; otherwise they are free, and not averaged.
    """

    min_dice: float = MIN_DICE
    one_to_one: bool = True
    count_spurious: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.min_dice < 1:
            raise ValueError(f"Expected `min_dice` to be at least 0 and below 1, but got {self.min_dice}.")


OURS = Protocol()
"""One to one, and everything that is left over is a false positive."""


def match_vertebrae(truth: Sequence[Vertebra], predicted: Sequence[Vertebra], protocol: Protocol = OURS) -> Matching:
    """Match so that the sum of Dice over the pairs that count is as large as possible.

    Args:
        truth: Annotated vertebrae of a film.
        predicted: Vertebrae found on the same film; levels play no part in the matching.
        protocol: Which pairs count.

    Source: arXiv:2411.00326, where one prediction may identify several true vertebrae.
    """
    dice = _dice_matrix(truth, predicted)
    min_dice = protocol.min_dice
    if protocol.one_to_one or not predicted:
        # Pairs that do not count must not attract a partner away from pairs that do, hence 0 before the assignment.
        rows, columns = linear_sum_assignment(np.where(dice > min_dice, dice, 0.0), maximize=True)
    else:
        rows, columns = np.arange(len(truth)), dice.argmax(axis=1)
    pairs = tuple(
        Pair(int(row), int(column), float(dice[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if dice[row, column] > min_dice
    )
    spurious = set(range(len(predicted))) - {pair.predicted for pair in pairs}
    return Matching(pairs, tuple(sorted(spurious)))


def _dice_matrix(truth: Sequence[Vertebra], predicted: Sequence[Vertebra]) -> NDArray[np.float64]:
    """(T, P) Dice of every pair; 0 where the true mask is empty, so that empty never matches empty."""
    dice = np.zeros((len(truth), len(predicted)))
    for row, annotated in enumerate(truth):
        if annotated.mask.any():
            dice[row] = [mask_dice(annotated, found) for found in predicted]
    return dice
