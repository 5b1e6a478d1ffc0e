"""The induction: from a base case up and down the spine, both directions together."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spinefm.geometry.centroids import last_spacing, lean_of
from spinefm.pipeline.examination import Finding, Place
from spinefm.pipeline.walk import Walk
from spinefm.pipeline.wavefront import Examine, Predict, Procedure
from spinefm.structures import Point, StopReason

Look = tuple[Place, Finding | StopReason]
"""A place that was examined, and what stands there or why a walk would end there."""


def walk_on(walks: Sequence[Walk], context: int) -> Procedure[None]:
    """Advance the walks of one film together until each has a stop reason; `context` is how many centroids the predictor sees."""
    while alive := [walk for walk in walks if walk.stop is None]:
        plans = yield from _plan(alive, context)
        ahead = yield from _look_at(plans)
        aside = yield from _look_at([_swung(*each) for each in zip(alive, ahead, strict=True)])
        for walk, looks, others in zip(alive, ahead, aside, strict=True):
            _follow(walk, _surest(walk, others) or looks)


def _plan(walks: Sequence[Walk], context: int) -> Procedure[list[list[Place]]]:
    """Where each walk looks next, up to `lookahead` places; nowhere, and with a stop reason, if there is no first one."""
    trails, plans = [walk.centroids for walk in walks], [list[Place]() for _ in walks]
    for ahead in range(walks[0].rules.lookahead):
        points = yield Predict(walks[0].film, [trail[-context:] for trail in trails])
        for i, (walk, predicted) in enumerate(zip(walks, points, strict=True)):
            point = predicted if ahead else _farther(trails[i][-1], predicted, walk.reach)
            place = Place(walk.film, point, last_spacing(trails[i]), lean_of(np.asarray(point) - trails[i][-1]))
            obstacle = _obstacle(place, walk.steps + ahead, walk.rules.max_steps)
            if obstacle is None and len(plans[i]) == ahead:
                plans[i].append(place)
            elif ahead == 0 and obstacle is not None:
                walk.end(obstacle)
            trails[i] = np.vstack([trails[i], point])
    return plans


def _look_at(plans: Sequence[Sequence[Place]]) -> Procedure[list[list[Look]]]:
    """Examine the places of all walks of a film together."""
    places = [place for plan in plans for place in plan]
    findings = iter((yield Examine(places)) if places else ())
    return [[(place, next(findings)) for place in plan] for plan in plans]


def _swung(walk: Walk, looks: Sequence[Look]) -> list[Place]:
    """Where else a walk might go on that is about to leave the spine; nowhere if it is not."""
    if not looks or not walk.is_lost(looks[0][1]):
        return []
    place, last = looks[0][0], walk.centroids[-1]
    turned = [_turned(place, last, share * walk.rules.swing) for share in (-1, -0.5, 0.5, 1)]
    return [aside for aside in turned if aside.is_on_film]


def _turned(place: Place, last: NDArray[np.float64], degrees: float) -> Place:
    """The place where a step from the last centroid, (2,), to another place leads once it is turned."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    step = np.array([[cos, -sin], [sin, cos]]) @ (np.asarray(place.centre) - last)
    x, y = (last + step).tolist()
    return replace(place, centre=(x, y), lean=lean_of(step))


def _surest(walk: Walk, looks: Sequence[Look]) -> list[Look]:
    """Of what stands aside, the one vertebra whose mask is surest and to which a step can lead; none if there is no such."""
    steps = [(place, finding) for place, finding in looks if isinstance(finding, Finding) and walk.is_step(finding)]
    return [max(steps, key=lambda look: look[1].vertebra.confidence)] if steps else []


def _farther(last: NDArray[np.float64], point: Point, reach: float) -> Point:
    """(x, y) of a prediction, or beyond it as seen from the last centroid, (2,)."""
    if reach == 1:
        return point
    x, y = last + reach * (np.asarray(point) - last)
    return float(x), float(y)


def _obstacle(place: Place, steps: int, max_steps: int) -> StopReason | None:
    """Why a walk that has made so many steps cannot look there."""
    if steps >= max_steps:
        return StopReason.MAX_STEPS
    return None if place.is_on_film else StopReason.BORDER


def _follow(walk: Walk, looks: Sequence[Look]) -> None:
    """Take the steps that were examined, as long as each centroid is near the place from which the next step was predicted.

    A later one that finds no vertebra is examined anew, to look aside.
    """
    for i, (place, finding) in enumerate(looks):
        if i and walk.is_lost(finding):
            return
        walk.step(finding)
        if walk.stop is not None or walk.reach > 1:
            return
        if math.dist(walk.findings[-1].vertebra.centroid, place.centre) > walk.rules.tolerance * place.spacing:
            return
