"""The induction: from a base case up and down the spine, both directions together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from spinefm.geometry.centroids import last_spacing, lean_of
from spinefm.geometry.masks import mask_iou
from spinefm.options import check_shares
from spinefm.pipeline.examination import Finding, Place
from spinefm.pipeline.wavefront import Examine, Predict, Procedure
from spinefm.structures import Direction, Point, Radiograph, StopReason

Look = tuple[Place, Finding | StopReason]
"""A place that was examined, and what stands there or why a walk would end there."""


@dataclass(frozen=True)
class InductionRules:
    """When a walk ends.

    Attributes:
        max_steps: Bound on the steps of one walk.
        max_overlap: Largest IoU of a new mask with one that either walk of the film already has.
        reach: How far a walk looks again where it found what it already had, in steps that were predicted: a mask of two vertebrae has its
            centroid between them, and the next prediction falls on the second. 1 does not look again.
        max_step_ratio: Bound on a step's length over that of the last ones, and on its inverse.
        terminals: Classes that are kept and end a walk.
        patience: How many steps a walk goes on beyond a first background or terminal; an ordinary vertebra there lets it go
            on as if nothing had been. 0 is arXiv:2411.00326, where one wrong answer of the classifier loses the rest of the spine.
        swing: How far to either side of its step a walk looks, and half as far, degrees, where it has been in no doubt and would see
            background or find no mask: in a sharp turn the spine goes on there. It takes the surest vertebra that it sees, a terminal,
            too. Four more places at a walk's end, which are no steps; a step off the film ends it as ever. 0 does not look.
        lookahead: How many steps are examined at once, all but the first where predictions of predictions lead.
        tolerance: How far a centroid may lie from its prediction, in spacings, for steps that were predicted from it to count.
    """

    max_steps: int = 25
    max_overlap: float = 0.1
    reach: float = 1.0
    max_step_ratio: float = 2.5
    terminals: tuple[str, ...] = ()
    patience: int = 0
    swing: float = 0.0
    lookahead: int = 1
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        for name, least in (("lookahead", 1), ("max_steps", 0), ("patience", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"Expected `{name}` to be at least {least}, but got {getattr(self, name)}.")
        check_shares(max_overlap=self.max_overlap)
        if not 1 <= self.reach < math.inf:
            raise ValueError(f"Expected `reach` to be a number of at least 1, but got {self.reach}.")
        if not 0 <= self.swing <= 90:
            raise ValueError(f"Expected `swing` to be 0..90 degrees, but got {self.swing}.")


@dataclass(eq=False)
class Walk:
    """One direction on one film, under way or ended.

    Attributes:
        film: Where.
        direction: Which way.
        findings: The base case in the order of walking, then what was found since.
        taken: What both walks of the film have found; one list, shared by the two.
        steps: Places looked at; those aside of one are not counted.
        reach: How far the next look goes, in predicted steps.
        doubts: The stop reasons that the latest findings gave, one after the other; empty after an ordinary vertebra.
        stop: Why it ended; None while it is under way.
    """

    film: Radiograph
    direction: Direction
    findings: list[Finding]
    taken: list[Finding]
    steps: int = 0
    reach: float = 1.0
    doubts: list[StopReason] = field(default_factory=list)
    stop: StopReason | None = None
    base_length: int = field(init=False)

    def __post_init__(self) -> None:
        self.base_length = len(self.findings)

    @property
    def new_findings(self) -> list[Finding]:
        """What was found beyond the base case, in the order of walking, but for background at its end.

        What was called background before an ordinary vertebra is one: the spine went on there.
        """
        ends = [i for i, finding in enumerate(self.findings, start=1) if not finding.is_background]
        return self.findings[self.base_length : max(ends[-1], self.base_length)]

    @property
    def centroids(self) -> NDArray[np.float64]:
        """(n, 2) of all findings in the order of walking, pixels."""
        return np.array([finding.vertebra.centroid for finding in self.findings])

    @property
    def spacing(self) -> float:
        """Mean length of the last two steps, pixels."""
        return last_spacing(self.centroids)

    def append(self, finding: Finding) -> None:
        """Take a step to a new finding."""
        self.findings.append(finding)
        self.taken.append(finding)
        self.reach = 1.0

    def end(self, reason: StopReason) -> None:
        """Stop. A look farther on that finds nothing leaves the reason why it was taken."""
        self.stop = StopReason.OVERLAP if self.reach > 1 else reason

    def look_farther(self, reach: float) -> None:
        """After finding what is already there: look once more, `reach` predicted steps from the last centroid; end if that was done."""
        if self.reach >= reach:
            self.end(StopReason.OVERLAP)
        self.reach = reach

    def weigh(self, finding: Finding, rules: InductionRules) -> None:
        """Stop if the latest findings, this one included, leave too little hope that the spine goes on."""
        if finding.is_background:
            self.doubts.append(StopReason.BACKGROUND)
        elif finding.name in rules.terminals:
            self.doubts.append(StopReason.LANDMARK)
        else:
            self.doubts.clear()
        if len(self.doubts) > rules.patience:
            self.stop = self.doubts[0]


def both_walks(film: Radiograph, base: Sequence[Finding]) -> tuple[Walk, Walk]:
    """The walks up and down from a base case, which goes from head to foot."""
    taken = list(base)
    return Walk(film, Direction.UP, list(reversed(base)), taken), Walk(film, Direction.DOWN, list(base), taken)


def walk_on(walks: Sequence[Walk], context: int, rules: InductionRules) -> Procedure[None]:
    """Advance the walks of one film together until each has a stop reason; `context` is how many centroids the predictor sees."""
    for walk in walks:
        walk.weigh(walk.findings[-1], rules)
    while alive := [walk for walk in walks if walk.stop is None]:
        plans = yield from _plan(alive, context, rules)
        ahead = yield from _look_at(plans)
        aside = yield from _look_at([_swung(*each, rules) for each in zip(alive, ahead, strict=True)])
        for walk, looks, others in zip(alive, ahead, aside, strict=True):
            _follow(walk, _surest(walk, others, rules) or looks, rules)


def _plan(walks: Sequence[Walk], context: int, rules: InductionRules) -> Procedure[list[list[Place]]]:
    """Where each walk looks next, up to `lookahead` places; nowhere, and with a stop reason, if there is no first one."""
    trails, plans = [walk.centroids for walk in walks], [list[Place]() for _ in walks]
    for ahead in range(rules.lookahead):
        points = yield Predict(walks[0].film, [trail[-context:] for trail in trails])
        for i, (walk, predicted) in enumerate(zip(walks, points, strict=True)):
            point = predicted if ahead else _farther(trails[i][-1], predicted, walk.reach)
            place = Place(walk.film, point, last_spacing(trails[i]), lean_of(np.asarray(point) - trails[i][-1]))
            obstacle = _obstacle(place, walk.steps + ahead, rules)
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


def _swung(walk: Walk, looks: Sequence[Look], rules: InductionRules) -> list[Place]:
    """Where else a walk might go on that is about to leave the spine; nowhere if it is not."""
    if not looks or not _is_lost(walk, looks[0][1], rules):
        return []
    place, last = looks[0][0], walk.centroids[-1]
    turned = [_turned(place, last, share * rules.swing) for share in (-1, -0.5, 0.5, 1)]
    return [aside for aside in turned if aside.is_on_film]


def _is_lost(walk: Walk, finding: Finding | StopReason, rules: InductionRules) -> bool:
    """Whether a walk that has been in no doubt finds no vertebra, and is to look aside."""
    finds_none = isinstance(finding, StopReason) or finding.is_background
    return rules.swing > 0 and finds_none and not walk.doubts and walk.reach == 1


def _turned(place: Place, last: NDArray[np.float64], degrees: float) -> Place:
    """The place where a step from the last centroid, (2,), to another place leads once it is turned."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    step = np.array([[cos, -sin], [sin, cos]]) @ (np.asarray(place.centre) - last)
    x, y = (last + step).tolist()
    return replace(place, centre=(x, y), lean=lean_of(step))


def _surest(walk: Walk, looks: Sequence[Look], rules: InductionRules) -> list[Look]:
    """Of what stands aside, the one vertebra whose mask is surest and to which a step can lead; none if there is no such."""
    steps = [(place, finding) for place, finding in looks if isinstance(finding, Finding) and _is_step(walk, finding, rules)]
    return [max(steps, key=lambda look: look[1].vertebra.confidence)] if steps else []


def _farther(last: NDArray[np.float64], point: Point, reach: float) -> Point:
    """(x, y) of a prediction, or beyond it as seen from the last centroid, (2,)."""
    if reach == 1:
        return point
    x, y = last + reach * (np.asarray(point) - last)
    return float(x), float(y)


def _obstacle(place: Place, steps: int, rules: InductionRules) -> StopReason | None:
    """Why a walk that has made so many steps cannot look there."""
    if steps >= rules.max_steps:
        return StopReason.MAX_STEPS
    return None if place.is_on_film else StopReason.BORDER


def _follow(walk: Walk, looks: Sequence[Look], rules: InductionRules) -> None:
    """Take the steps that were examined, as long as each centroid is near the place from which the next step was predicted.

    A later one that finds no vertebra is examined anew, to look aside.
    """
    for i, (place, finding) in enumerate(looks):
        if i and _is_lost(walk, finding, rules):
            return
        _take_step(walk, finding, rules)
        if walk.stop is not None or walk.reach > 1:
            return
        if math.dist(walk.findings[-1].vertebra.centroid, place.centre) > rules.tolerance * place.spacing:
            return


def _is_step(walk: Walk, finding: Finding, rules: InductionRules) -> bool:
    """Whether it is a vertebra, a new one that lies farther along the spine."""
    return not finding.is_background and not _overlaps(walk, finding, rules.max_overlap) and _goes_on(walk, finding, rules.max_step_ratio)


def _overlaps(walk: Walk, finding: Finding, most: float) -> bool:
    """Whether either walk of the film has that already."""
    return any(mask_iou(finding.vertebra, earlier.vertebra) > most for earlier in walk.taken)


def _take_step(walk: Walk, finding: Finding | StopReason, rules: InductionRules) -> None:
    walk.steps += 1
    if isinstance(finding, StopReason):
        walk.end(finding)
    elif _overlaps(walk, finding, rules.max_overlap):
        walk.look_farther(rules.reach)
    elif not _goes_on(walk, finding, rules.max_step_ratio):
        walk.end(StopReason.IRREGULAR_STEP)
    else:
        walk.append(finding)
        walk.weigh(finding, rules)


def _goes_on(walk: Walk, finding: Finding, max_ratio: float) -> bool:
    """Whether a step leads further along the spine: not back, and neither much longer nor shorter than the last ones."""
    step = np.asarray(finding.vertebra.centroid) - walk.centroids[-1]
    ratio = np.linalg.norm(step) / walk.spacing
    return bool(step @ (walk.centroids[-1] - walk.centroids[-2]) > 0 and 1 / max_ratio < ratio < max_ratio)
