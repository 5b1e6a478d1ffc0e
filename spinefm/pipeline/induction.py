"""The induction: from a base case up and down the spine, all films and both directions together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from spinefm.geometry import mask_iou
from spinefm.pipeline.examination import Examiner, Finding, Place
from spinefm.pipeline.protocols import NextPoint
from spinefm.structures import Direction, Radiograph, StopReason, Trails


@dataclass(frozen=True)
class InductionRules:
    """When a walk ends.

    Attributes:
        max_steps: Bound on the steps of one walk.
        max_overlap: Largest IoU of a new mask with one that either walk of the film already has.
        terminals: Classes that are kept and end a walk.
    """

    max_steps: int = 25
    max_overlap: float = 0.1
    terminals: tuple[str, ...] = ()


@dataclass(eq=False)
class Walk:
    """One direction on one film, under way or ended.

    Attributes:
        film: Where.
        direction: Which way.
        findings: The base case in the order of walking, then what was found since.
        taken: What both walks of the film have found; one list, shared by the two.
        steps: Steps made.
        stop: Why it ended; None while it is under way.
    """

    film: Radiograph
    direction: Direction
    findings: list[Finding]
    taken: list[Finding]
    steps: int = 0
    stop: StopReason | None = None
    base_length: int = field(init=False)

    def __post_init__(self) -> None:
        self.base_length = len(self.findings)

    @property
    def new_findings(self) -> list[Finding]:
        """What was found beyond the base case, in the order of walking."""
        return self.findings[self.base_length :]

    @property
    def centroids(self) -> np.ndarray:
        """(n, 2) of all findings in the order of walking, pixels."""
        return np.array([finding.vertebra.centroid for finding in self.findings])

    @property
    def last_step(self) -> float:
        """Length of the last step, pixels."""
        return float(np.linalg.norm(self.centroids[-1] - self.centroids[-2]))

    def append(self, finding: Finding) -> None:
        """Take a step to a new finding."""
        self.findings.append(finding)
        self.taken.append(finding)


def both_walks(film: Radiograph, base: Sequence[Finding]) -> tuple[Walk, Walk]:
    """The walks up and down from a base case, which goes from head to foot."""
    taken = list(base)
    return Walk(film, Direction.UP, list(reversed(base)), taken), Walk(film, Direction.DOWN, list(base), taken)


def walk_spines(walks: Sequence[Walk], examiner: Examiner, predictor: NextPoint, rules: InductionRules) -> None:
    """Advance all walks together, one batched call per component and step, until each has a stop reason."""
    for walk in walks:
        if walk.findings[-1].name in rules.terminals:
            walk.stop = StopReason.LANDMARK
    while alive := [walk for walk in walks if walk.stop is None]:
        _advance(alive, examiner, predictor, rules)


def _advance(walks: Sequence[Walk], examiner: Examiner, predictor: NextPoint, rules: InductionRules) -> None:
    going: list[tuple[Walk, Place]] = []
    for walk, place in zip(walks, _next_places(walks, predictor), strict=True):
        if walk.steps >= rules.max_steps:
            walk.stop = StopReason.MAX_STEPS
        elif not _is_on_film(place):
            walk.stop = StopReason.BORDER
        else:
            going.append((walk, place))
    findings = examiner.examine([place for _, place in going])
    for (walk, _), finding in zip(going, findings, strict=True):
        _take_step(walk, finding, rules)


def _next_places(walks: Sequence[Walk], predictor: NextPoint) -> list[Place]:
    trails = Trails(
        centroids=torch.from_numpy(np.stack([walk.centroids[-predictor.context :] for walk in walks])).float(),
        sizes=torch.tensor([walk.film.size[::-1] for walk in walks], dtype=torch.float32),
        film_ids=tuple(walk.film.film_id for walk in walks),
    )
    points = predictor.predict_next(trails).tolist()
    return [Place(walk.film, (x, y), walk.last_step) for walk, (x, y) in zip(walks, points, strict=True)]


def _is_on_film(place: Place) -> bool:
    height, width = place.film.size
    return 0 <= place.centre[0] < width and 0 <= place.centre[1] < height


def _take_step(walk: Walk, finding: Finding | None, rules: InductionRules) -> None:
    walk.steps += 1
    if finding is None:
        walk.stop = StopReason.EMPTY_MASK
    elif any(mask_iou(finding.vertebra, earlier.vertebra) > rules.max_overlap for earlier in walk.taken):
        walk.stop = StopReason.OVERLAP
    elif finding.is_background:
        walk.stop = StopReason.BACKGROUND
    else:
        walk.append(finding)
        if finding.name in rules.terminals:
            walk.stop = StopReason.LANDMARK
