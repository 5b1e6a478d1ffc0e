"""One direction of the induction: what a walk has found, which steps it takes, and when it ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spinefm.geometry.centroids import last_spacing
from spinefm.geometry.masks import mask_iou
from spinefm.options import check_shares
from spinefm.pipeline.examination import Finding
from spinefm.structures import Direction, Radiograph, StopReason


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
        rules: By which it goes.
        findings: The base case in the order of walking, then what was found since.
        taken: What both walks of the film have found; one list, shared by the two.
        steps: Places looked at; those aside of one are not counted.
        reach: How far the next look goes, in predicted steps.
        doubts: The stop reasons that the latest findings gave, one after the other; empty after an ordinary vertebra.
        stop: Why it ended; None while it is under way.
    """

    film: Radiograph
    direction: Direction
    rules: InductionRules
    findings: list[Finding]
    taken: list[Finding]
    steps: int = 0
    reach: float = 1.0
    doubts: list[StopReason] = field(default_factory=list)
    stop: StopReason | None = None
    base_length: int = field(init=False)

    def __post_init__(self) -> None:
        self.base_length = len(self.findings)
        self._weigh(self.findings[-1])

    @property
    def new_findings(self) -> list[Finding]:
        """What was found beyond the base case, in the order of walking, but for background at its end.

        What was called background before an ordinary vertebra is one: the spine went on there.
        """
        return self.findings[self.base_length : self._end]

    @property
    def beyond(self) -> list[Finding]:
        """What was found after these, in the order of walking: background alone."""
        return self.findings[self._end :]

    @property
    def _end(self) -> int:
        """How many findings there are, but for background at the end."""
        ends = [i for i, finding in enumerate(self.findings, start=1) if not finding.is_background]
        return max(ends[-1], self.base_length)

    @property
    def centroids(self) -> NDArray[np.float64]:
        """(n, 2) of all findings in the order of walking, pixels."""
        return np.array([finding.vertebra.centroid for finding in self.findings])

    def is_lost(self, finding: Finding | StopReason) -> bool:
        """Whether it has been in no doubt, finds no vertebra, and is to look aside."""
        finds_none = isinstance(finding, StopReason) or finding.is_background
        return self.rules.swing > 0 and finds_none and not self.doubts and self.reach == 1

    def is_step(self, finding: Finding) -> bool:
        """Whether it is a vertebra, a new one that lies farther along the spine."""
        return not finding.is_background and not self._has(finding) and self._goes_on(finding)

    def step(self, finding: Finding | StopReason) -> None:
        """Take a step to what was found, or look farther, or end."""
        self.steps += 1
        if isinstance(finding, StopReason):
            self.end(finding)
        elif self._has(finding):
            self._look_farther()
        elif not self._goes_on(finding):
            self.end(StopReason.IRREGULAR_STEP)
        else:
            self._append(finding)

    def end(self, reason: StopReason) -> None:
        """Stop. A look farther on that finds nothing leaves the reason why it was taken."""
        self.stop = StopReason.OVERLAP if self.reach > 1 else reason

    def _append(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.taken.append(finding)
        self.reach = 1.0
        self._weigh(finding)

    def _weigh(self, finding: Finding) -> None:
        """Stop if the latest findings, this one included, leave too little hope that the spine goes on."""
        if finding.is_background:
            self.doubts.append(StopReason.BACKGROUND)
        elif finding.name in self.rules.terminals:
            self.doubts.append(StopReason.LANDMARK)
        else:
            self.doubts.clear()
        if len(self.doubts) > self.rules.patience:
            self.stop = self.doubts[0]

    def _look_farther(self) -> None:
        """After finding what is already there: look once more, farther from the last centroid; end if that was done."""
        if self.reach >= self.rules.reach:
            self.end(StopReason.OVERLAP)
        self.reach = self.rules.reach

    def _has(self, finding: Finding) -> bool:
        """Whether either walk of the film has that already."""
        return any(mask_iou(finding.vertebra, earlier.vertebra) > self.rules.max_overlap for earlier in self.taken)

    def _goes_on(self, finding: Finding) -> bool:
        """Whether a step leads further along the spine: not back, and neither much longer nor shorter than the last ones."""
        centroids, most = self.centroids, self.rules.max_step_ratio
        step = np.asarray(finding.vertebra.centroid) - centroids[-1]
        ratio = np.linalg.norm(step) / last_spacing(centroids)
        return bool(step @ (centroids[-1] - centroids[-2]) > 0 and 1 / most < ratio < most)


def both_walks(film: Radiograph, base: Sequence[Finding], rules: InductionRules) -> tuple[Walk, Walk]:
    """The walks up and down from a base case, which goes from head to foot; one whose base case ends in a terminal may have ended."""
    taken = list(base)
    return Walk(film, Direction.UP, rules, list(reversed(base)), taken), Walk(film, Direction.DOWN, rules, list(base), taken)
