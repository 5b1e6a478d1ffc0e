"""Which level is which: the most likely run of levels, given what the classifier saw in each vertebra."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import LEVELS, is_usual_step

BACKGROUND, VERTEBRA = "background", "vertebra"
ANOMALIES = (("T12", "T13"), ("T13", "L1"), ("T11", "L1"), ("L5", "L6"), ("L6", "S1"), ("L4", "S1"))
FLOOR = 1e-3
"""Least probability of any class: one patch alone must not outvote all others."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Labelling:
    """Levels of one spine.

    Attributes:
        levels: One per vertebra, from head to foot; None where too uncertain.
        probabilities: Of each vertebra's most likely run's level, 0..1.
    """

    levels: tuple[str | None, ...]
    probabilities: tuple[float, ...]


def assign_levels(
    class_probabilities: Array, classes: Sequence[str], anomaly_rate: float = 0.02, unknown_below: float = 0.5
) -> Labelling:
    """Find the most likely run of consecutive levels.

    A hidden Markov chain over the levels: a step leads to the next level but, at `anomaly_rate`, over a missing one or to a
    supernumerary T13 or L6. Levels without a class of their own look like an ordinary vertebra.

    Args:
        class_probabilities: (N, K), from head to foot; may hold any number of vertebrae, also none.
        classes: Names of the K classes.
        anomaly_rate: Probability of an unusual step, where one is possible.
        unknown_below: A level with a smaller posterior probability is reported as None.

    Source: the idea of a monotone sequence decoding that allows anomalies is arXiv:2601.14066 (VERIDAH).
    """
    if not len(class_probabilities):
        return Labelling((), ())
    emissions = np.log(_emissions(class_probabilities, classes))
    transitions = _log_transitions(anomaly_rate)
    path = _most_likely_path(emissions, transitions)
    posterior = _posterior(emissions, transitions)[np.arange(len(path)), path]
    levels = tuple(LEVELS[level] if p >= unknown_below else None for level, p in zip(path, posterior, strict=True))
    return Labelling(levels, tuple(map(float, posterior)))


def _emissions(class_probabilities: Array, classes: Sequence[str]) -> Array:
    """(N, L): how well each of the L levels explains each vertebra."""
    columns = [classes.index(level if level in classes else VERTEBRA) for level in LEVELS]
    likelihood = np.asarray(class_probabilities, dtype=np.float64).copy()
    likelihood[:, classes.index(BACKGROUND)] = 0.0
    likelihood /= np.maximum(likelihood.sum(1, keepdims=True), FLOOR)
    emissions: Array = np.maximum(likelihood, FLOOR)[:, columns]
    return emissions


def _log_transitions(anomaly_rate: float) -> Array:
    """(L, L) log-probabilities of a step from one level, downwards, to another."""
    transitions = np.zeros((len(LEVELS), len(LEVELS)))
    for i, upper in enumerate(LEVELS):
        for j, lower in enumerate(LEVELS):
            if is_usual_step(upper, lower):
                transitions[i, j] = 1 - anomaly_rate
            elif (upper, lower) in ANOMALIES:
                # The second step around a supernumerary vertebra is no further anomaly.
                transitions[i, j] = 1.0 if upper in ("T13", "L6") else anomaly_rate
    with np.errstate(divide="ignore"):
        return np.log(transitions)


def _most_likely_path(emissions: Array, transitions: Array) -> NDArray[np.intp]:
    """Viterbi: (N,) indices into `LEVELS`."""
    best, origins = emissions[0] + _log_start(), []
    for emission in emissions[1:]:
        options = best[:, None] + transitions
        origins.append(options.argmax(0))
        best = options.max(0) + emission
    path = [int(best.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return np.array(path[::-1])


def _posterior(emissions: Array, transitions: Array) -> Array:
    """Forward-backward: (N, L) probabilities of each vertebra's level."""
    forward, backward = [emissions[0] + _log_start()], [np.zeros(len(LEVELS))]
    for emission in emissions[1:]:
        forward.append(_log_sum_exp(forward[-1][:, None] + transitions, 0) + emission)
    for emission in emissions[:0:-1]:
        backward.append(_log_sum_exp(transitions + emission + backward[-1], 1))
    joint = np.stack(forward) + np.stack(backward[::-1])
    posterior: Array = np.exp(joint - _log_sum_exp(joint, 1)[:, None])
    return posterior


def _log_start() -> Array:
    """(L,): a film may begin at any level, though hardly at a supernumerary one."""
    return np.log([FLOOR if level in ("T13", "L6") else 1.0 for level in LEVELS])


def _log_sum_exp(values: Array, axis: int) -> Array:
    # A spine with more vertebrae than levels has no path at all; the smallest float keeps its posterior finite.
    summed: Array = np.logaddexp.reduce(np.maximum(values, -1e9), axis=axis)
    return summed
