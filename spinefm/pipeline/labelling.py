"""Which level is which: the most likely run of levels, given what the classifier saw in each vertebra."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import AROUND_ABSENT, BACKGROUND, LEVELS, VERTEBRA, is_usual_step, level_index, levels_between
from spinefm.options import check_shares

ANOMALIES = (("T12", "T13"), ("T13", "L1"), ("L5", "L6"), ("L6", "S1"), *AROUND_ABSENT.values())
FLOOR = 1e-3
"""Least probability of any class: one patch alone must not outvote all others."""

Array = NDArray[np.float64]


ABOVE, BELOW = 0, len(LEVELS) + 1
"""States of what lies beyond the annotated spine; the levels are the states between them."""
USUAL_END, UNUSUAL_END = 0.5, 0.1
"""How likely a spine ends at a terminal level, and at any other."""
CERTAIN = 0.8
"""Probability from which on background is certain, chosen on validation films."""
NEVER = -1e9
"""Log-probability of the impossible; finite, because a spine with more vertebrae than levels has no possible run at all."""


@dataclass(frozen=True)
class LevelRules:
    """How levels are assigned.

    Attributes:
        anomaly_rate: Probability of an unusual step, where one is possible; 0 or more, below 1.
        unknown_below: A level with a smaller posterior probability is reported as None; 0..1.
    """

    anomaly_rate: float = 0.02
    unknown_below: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.anomaly_rate < 1:
            raise ValueError(f"Expected `anomaly_rate` to be a probability below 1, such as 0.02, but got {self.anomaly_rate}.")
        check_shares(unknown_below=self.unknown_below)


@dataclass(frozen=True)
class Labelling:
    """Levels of one spine.

    Attributes:
        first: Index of the first thing found that belongs to the spine; those before it lie above it.
        levels: One per vertebra of the spine, from head to foot; None where too uncertain. What was found further down lies below.
        probabilities: Of those levels, given that the vertebrae belong to the spine, 0..1; all 0 if no run has that many levels.
    """

    first: int
    levels: tuple[str | None, ...]
    probabilities: tuple[float, ...]

    @property
    def kept(self) -> slice:
        """Which of the things found are the spine."""
        return slice(self.first, self.first + len(self.levels))

    @property
    def trust(self) -> tuple[float, ...]:
        """Of what is said of the levels, 0..1: their probabilities, and 1 where none is given, which is no reason to trust a mask less."""
        return tuple(p if level else 1.0 for level, p in zip(self.levels, self.probabilities, strict=True))


def assign_levels(
    class_probabilities: Array,
    classes: Sequence[str],
    terminals: Sequence[str] = (),
    core: slice = slice(None),
    rules: LevelRules = LevelRules(),
    overlap: float = 1.0,
    evidence: Array | None = None,
) -> Labelling:
    """Find the most likely run of consecutive levels, and where it begins and ends.

    A hidden Markov chain over the levels: a step leads to the next level but, at the rate of anomalies, over a missing one or to a
    supernumerary T13 or L6. Levels without a class of their own look like an ordinary vertebra, and what lies beyond the
    spine looks like background.

    Args:
        class_probabilities: (N, K), from head to foot; N may be 0.
        classes: Names of the K classes.
        terminals: Levels at which a spine is likely to end.
        core: Which of the N belong to the spine for certain; all by default.
        rules: How rare anomalies are, and which levels are too uncertain to be named.
        overlap: How many of the patches that were classified show one and the same vertebra, at least 1. What misleads the classifier
            in one of them misleads it in the others, too, so that what tells levels apart counts less, by the root of this number,
            which was chosen on films.
        evidence: (N, L) log-likelihoods, of whatever else tells what level each thing found may be; None is nothing.

    Source: the idea of a monotone sequence decoding that allows anomalies is arXiv:2601.14066 (VERIDAH).
    """
    if not len(class_probabilities):
        return Labelling(0, (), ())
    emissions = _log_emissions(class_probabilities, classes, core, overlap)
    if evidence is not None:
        emissions[:, ABOVE + 1 : BELOW] += evidence
    chain = _chain(tuple(terminals), rules.anomaly_rate)
    path, score = _most_likely_path(emissions, chain)
    if score <= NEVER / 2:
        return Labelling(0, (None,) * len(path), (0.0,) * len(path))
    kept = np.flatnonzero((path != ABOVE) & (path != BELOW))
    states = _posterior(emissions, chain)[kept]
    posterior = states[np.arange(len(kept)), path[kept]] / states[:, ABOVE + 1 : BELOW].sum(1)
    levels = (LEVELS[state - 1] if p >= rules.unknown_below else None for state, p in zip(path[kept], posterior, strict=True))
    return Labelling(int(kept[0]), tuple(levels), tuple(map(float, posterior)))


def ends_at_terminals(labelling: Labelling, core: slice, terminals: Sequence[str]) -> Labelling:
    """Cut a spine off beyond the terminal levels that it reached on the way up and down from its core.

    Of several terminals the first ends no way down and the last no way up: with T1 and L5, a spine that was found from its neck on
    does not end at T1. Those between them end either way: T1 is the lower end of a film of the neck, and the upper one of a trunk's.

    Args:
        labelling: From `assign_levels`.
        core: The same as there.
        terminals: The same as there.
    """
    first, last = core.start - labelling.first, core.stop - labelling.first - 1
    ordered = sorted(set(terminals), key=level_index)
    upper, lower = ordered[:-1] or ordered, ordered[1:] or ordered
    above = [i for i in range(first + 1) if labelling.levels[i] in upper]
    below = [i for i in range(last, len(labelling.levels)) if labelling.levels[i] in lower]
    kept = slice(above[-1] if above else 0, below[0] + 1 if below else len(labelling.levels))
    return Labelling(labelling.first + kept.start, labelling.levels[kept], labelling.probabilities[kept])


def up_to_terminals(labelling: Labelling, background: Array, terminals: Sequence[str]) -> Labelling:
    """Let a spine go on to the first and the last terminal level through what was taken for background, but not for certain.

    For films of which it is known that they show the spine up to there: where such a film is named by that, too, its last vertebra may
    be the last but one.

    Args:
        labelling: Of a part of what was found.
        background: (N,) probability that it is background, of all that was found.
        terminals: Levels, of which the first and the last are where these spines end.

    Returns:
        Each vertebra more as sure as its neighbour.
    """
    usual = levels_between(min(terminals, key=level_index), max(terminals, key=level_index))
    levels, probabilities, kept = labelling.levels, labelling.probabilities, labelling.kept
    above = _onwards(levels[0], usual[::-1], background[: kept.start][::-1])
    below = _onwards(levels[-1], usual, background[kept.stop :])
    surenesses = (*probabilities[:1] * len(above), *probabilities, *probabilities[-1:] * len(below))
    return Labelling(kept.start - len(above), (*above[::-1], *levels, *below), surenesses)


def _onwards(level: str | None, usual: Sequence[str], background: Array) -> tuple[str, ...]:
    """The levels after one, as far as what was found there, nearest first, is not certainly background."""
    following = usual[usual.index(level) + 1 :] if level in usual else ()
    found = takewhile(lambda probability: probability < CERTAIN, background)
    return tuple(name for name, _ in zip(following, found, strict=False))


def _log_emissions(class_probabilities: Array, classes: Sequence[str], core: slice, overlap: float) -> Array:
    """(N, L + 2): how well each state explains each thing found.

    A level explains a vertebra by its share of all that is not background, in comparison with what that share would be on average if
    the classifier is right about its doubts (its entropy). Where every level has a class, none of them has a large share; that
    must not make background of a vertebra.
    """
    likelihood = np.asarray(class_probabilities, dtype=np.float64)
    likelihood = likelihood / np.maximum(likelihood.sum(1, keepdims=True), FLOOR)
    is_background = np.array([name == BACKGROUND for name in classes])
    background = likelihood[:, is_background].clip(FLOOR, 1 - FLOOR)
    background[core] = FLOOR
    shares = likelihood[:, ~is_background]
    shares = np.maximum(shares / np.maximum(shares.sum(1, keepdims=True), FLOOR), FLOOR)
    beyond = np.log(background)
    beyond[core] = NEVER
    seen = [name for name in classes if name != BACKGROUND]
    doubts = -(shares * np.log(shares)).sum(1, keepdims=True)
    levels = np.log(shares[:, [seen.index(level if level in seen else VERTEBRA) for level in LEVELS]]) + doubts
    best = levels.max(1, keepdims=True)  # stays as it is, or the doubt would make background of vertebrae
    return np.column_stack([beyond, np.log(1 - background) + best + (levels - best) / np.sqrt(overlap), beyond])


class _Chain(NamedTuple):
    """Log-probabilities: (L + 2,) to begin in a state, (L + 2,) to end in it, (L + 2, L + 2) to step, downwards, to another."""

    starts: Array
    ends: Array
    steps: Array


@cache
def _chain(terminals: tuple[str, ...], anomaly_rate: float) -> _Chain:
    likely = [USUAL_END if level in terminals else UNUSUAL_END for level in LEVELS]
    likely_starts = [FLOOR * p if level in ("T13", "L6") else p for level, p in zip(LEVELS, likely, strict=True)]
    starts, ends = np.array([0.0, *np.log(likely_starts), NEVER]), np.array([NEVER, *np.log(likely), 0.0])
    steps = _log_level_steps(anomaly_rate)
    steps[ABOVE], steps[:, BELOW] = starts, ends
    steps[ABOVE, BELOW] = NEVER
    return _Chain(starts, ends, steps)


def _log_level_steps(anomaly_rate: float) -> Array:
    """(L + 2, L + 2): from level to level only."""
    steps = np.full((len(LEVELS) + 2,) * 2, NEVER)
    for i, upper in enumerate(LEVELS, start=1):
        for j, lower in enumerate(LEVELS, start=1):
            if is_usual_step(upper, lower):
                steps[i, j] = np.log(1 - anomaly_rate)
            elif (upper, lower) in ANOMALIES and upper in ("T13", "L6"):
                # The second step around a supernumerary vertebra is no further anomaly.
                steps[i, j] = 0.0
            elif (upper, lower) in ANOMALIES and anomaly_rate:
                steps[i, j] = np.log(anomaly_rate)
    return steps


def _most_likely_path(emissions: Array, chain: _Chain) -> tuple[NDArray[np.intp], float]:
    """Viterbi: (N,) states, and the log-probability of them and the evidence."""
    best, origins = emissions[0] + chain.starts, []
    for emission in emissions[1:]:
        options = best[:, None] + chain.steps
        origins.append(options.argmax(0))
        best = options.max(0) + emission
    best = best + chain.ends
    path = [int(best.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return np.array(path[::-1]), float(best.max())


def _posterior(emissions: Array, chain: _Chain) -> Array:
    """Forward-backward: (N, L + 2) probabilities of each state."""
    forward, backward = [emissions[0] + chain.starts], [chain.ends]
    for emission in emissions[1:]:
        forward.append(np.logaddexp.reduce(forward[-1][:, None] + chain.steps, axis=0) + emission)
    for emission in emissions[:0:-1]:
        backward.append(np.logaddexp.reduce(chain.steps + emission + backward[-1], axis=1))
    joint = np.stack(forward) + np.stack(backward[::-1])
    posterior: Array = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
    return posterior
