"""Signs by which a result is to be looked at before others; that there is none is no reason to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinefm.anatomy import level_index, levels_between
from spinefm.options import check_shares
from spinefm.structures import Spine


@dataclass(frozen=True)
class DoubtRule:
    """What makes a result doubtful.

    Attributes:
        usual_number: How many vertebrae films show as a rule; None where that differs.
        doubt_below: Mean confidence, 0..1, below which a result is doubtful.

    Raises:
        ValueError: If `doubt_below` is not 0..1.
    """

    usual_number: int | None = None
    doubt_below: float = 0.9

    def __post_init__(self) -> None:
        check_shares(doubt_below=self.doubt_below)

    @classmethod
    def between(cls, terminals: Sequence[str], doubt_below: float) -> "DoubtRule":
        """Of films on which spines end at these levels; where these are more or fewer than two, any number of vertebrae is usual."""
        ends = sorted(set(terminals), key=level_index)
        return cls(len(levels_between(*ends)) if len(ends) == 2 else None, doubt_below)

    def doubts(self, spine: Spine) -> list[str]:
        """The signs that a result has, in words; none of a film on which nothing was found, which says why."""
        number, unnamed = len(spine.vertebrae), sum(vertebra.level is None for vertebra in spine.vertebrae)
        if number == 0:
            return []
        confidence = round(float(np.mean([vertebra.confidence for vertebra in spine.vertebrae])), 4)
        signs = {
            f"{number} vertebrae, where {self.usual_number} are usual": number != (self.usual_number or number),
            f"{unnamed} of unknown level": unnamed > 0,
            f"mean confidence {confidence:g}, below {self.doubt_below:g}": confidence < self.doubt_below,
        }
        return [sign for sign, shows in signs.items() if shows]
