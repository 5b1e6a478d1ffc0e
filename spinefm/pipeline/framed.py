"""What a film's edges tell of the levels, where it is known how such films are framed."""

import logging
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import LEVELS, level_index, levels_between
from spinefm.geometry.framing import OUTLIER_DENSITY, Framing, anyones, margins_of

log = logging.getLogger(__name__)

Whose = Literal["own", "any", "none"]
"""Like whose films one is framed: those of its own reader, if that is known; those of any; nobody's."""

WEIGHT = 6.0
"""Against what the classifier saw, chosen on validation films: what misleads it in one vertebra of a film misleads it in all."""


def check_known(framings: Mapping[str, Framing], whose: Whose) -> None:
    """Say so where films are to be framed like anybody's, but nobody's are known.

    Raises:
        ValueError: If `whose` is none of `Whose`.
    """
    if whose not in get_args(Whose):
        raise ValueError(f"Expected `framing` to be one of {', '.join(get_args(Whose))}, but got `{whose}`.")
    if whose == "any" and not framings:
        log.warning("`framing=any` changes nothing: this classifier has not learnt how the films of a reader are framed.")


def framing_of(framings: Mapping[str, Framing], whose: Whose, reader: str | None) -> Framing | None:
    """How a film is framed; None where it is not known.

    Args:
        framings: Of those whose films are known, by reader.
        whose: Like whose films it is framed.
        reader: Of the film, if it has one.
    """
    if whose == "any" and framings:
        return anyones(framings.values())
    return framings.get(reader) if whose == "own" and reader is not None else None


def framing_evidence(framing: Framing, ends: Sequence[str], y: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """(N, L) log-likelihoods of each level for each of N vertebrae, 0 at most.

    Only the middle row is not zero: as levels are consecutive, it fixes the others.

    Args:
        framing: Of films like this one.
        ends: Levels, of which the first and the last are where the spines of these films begin and end.
        y: (N,) of centroids from head to foot, N at least 3, pixels of the film.
        height: Of the film, pixels.
    """
    names = levels_between(min(ends, key=level_index), max(ends, key=level_index))
    middle, evidence = len(y) // 2, np.zeros((len(y), len(LEVELS)))
    margins = [margins_of(y, height, middle - above, middle - above + len(names) - 1) for above in range(len(names))]
    logs = np.full(len(LEVELS), np.log(OUTLIER_DENSITY))
    logs[[level_index(name) for name in names]] = framing.log_density(margins)
    evidence[middle] = WEIGHT * (logs - logs.max())
    return evidence
