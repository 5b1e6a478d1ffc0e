"""SpineFM's pipeline: three confident vertebrae, then up and down the spine. Source: arXiv:2411.00326."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import ClassVar

import numpy as np

from spinefm.anatomy import BACKGROUND
from spinefm.geometry import mask_iou
from spinefm.pipeline.base_case import base_cases
from spinefm.pipeline.examination import Examiner, Finding, places_along
from spinefm.pipeline.induction import InductionRules, Walk, both_walks, walk_spines
from spinefm.pipeline.labelling import assign_levels, ends_at_terminals
from spinefm.pipeline.protocols import Classifier, Detector, NextPoint, Segmenter
from spinefm.structures import Failure, Radiograph, Spine


class InductivePipeline:
    """Detect, choose a base case, walk, name the levels.

    Attributes:
        components: Names of the components it is made of, as its constructor calls them.
        either_polarity: Whether it is to look again at films of dark bone, turned over; see `EitherPolarity`.
    """

    components: ClassVar[tuple[str, ...]] = ("mask_rcnn", "resnet", "point_predictor", "sam_adapter")
    either_polarity: ClassVar[bool] = True

    def __init__(
        self,
        mask_rcnn: Detector,
        resnet: Classifier,
        point_predictor: NextPoint,
        sam_adapter: Segmenter,
        mask_threshold: float = 0.5,
        refinements: int = 0,
        base_attempts: int = 5,
        max_steps: int = 25,
        max_overlap: float = 0.1,
        patience: int = 2,
        anomaly_rate: float = 0.02,
        unknown_below: float = 0.5,
    ) -> None:
        """Put the pipeline together.

        Args:
            mask_rcnn: Finds the base case.
            resnet: Tells vertebra, background and landmarks apart.
            point_predictor: Finds the next centroid.
            sam_adapter: Draws the masks.
            mask_threshold: See `Examiner`.
            refinements: See `Examiner`.
            base_attempts: How many base cases of a film are tried, the most promising first.
            max_steps: See `InductionRules`.
            max_overlap: See `InductionRules`.
            patience: See `InductionRules`.
            anomaly_rate: See `assign_levels`.
            unknown_below: See `assign_levels`.
        """
        self.detector, self.classifier, self.predictor = mask_rcnn, resnet, point_predictor
        self.examiner = Examiner(sam_adapter, resnet, mask_threshold, refinements)
        self.rules = InductionRules(max_steps, max_overlap, terminals=resnet.terminals, patience=patience)
        self.base_attempts = base_attempts
        self.anomaly_rate, self.unknown_below = anomaly_rate, unknown_below

    def __call__(self, films: Sequence[Radiograph]) -> list[Spine]:
        """See `SpinePipeline`."""
        bases = self._find_bases(films)
        walks = {i: both_walks(films[i], base) for i, base in enumerate(bases) if not isinstance(base, Failure)}
        walk_spines([walk for pair in walks.values() for walk in pair], self.examiner, self.predictor, self.rules)
        return [
            Spine(film.film_id, film.size, failure=base) if isinstance(base, Failure) else self._spine(*walks[i])
            for i, (film, base) in enumerate(zip(films, bases, strict=True))
        ]

    def _find_bases(self, films: Sequence[Radiograph]) -> list[list[Finding] | Failure]:
        """The first base case of each film, from head to foot, in which every member holds as a vertebra of its own."""
        length = max(3, self.predictor.context)
        options = [base_cases(detections, length)[: self.base_attempts] for detections in self.detector.detect(films)]
        bases: list[list[Finding] | Failure] = [Failure.BASE_CASE_REJECTED if option else Failure.TOO_FEW_DETECTIONS for option in options]
        for attempt in range(self.base_attempts):
            open_films = [i for i, option in enumerate(options) if isinstance(bases[i], Failure) and attempt < len(option)]
            places = [places_along(films[i], options[i][attempt]) for i in open_films]
            findings = iter(self.examiner.examine([place for group in places for place in group]))
            for i, group in zip(open_films, places, strict=True):
                bases[i] = self._sound([next(findings) for _ in group]) or bases[i]
        return bases

    def _sound(self, findings: Sequence[Finding | None]) -> list[Finding]:
        """The findings of a base case; empty unless each is a vertebra and no two are the same one."""
        sound = [finding for finding in findings if finding is not None and not finding.is_background]
        distinct = all(mask_iou(a.vertebra, b.vertebra) <= self.rules.max_overlap for a, b in combinations(sound, 2))
        return sound if distinct and len(sound) == len(findings) else []

    def _spine(self, up: Walk, down: Walk) -> Spine:
        above, base, below = up.new_findings[::-1], down.findings[: down.base_length], down.new_findings
        found = [*above, *base, *below]
        probabilities = np.stack([finding.probabilities for finding in found])
        classes, terminals, core = self.classifier.classes, self.classifier.terminals, slice(len(above), len(above) + len(base))
        labelling = assign_levels(probabilities, classes, terminals, core, self.anomaly_rate, self.unknown_below)
        labelling = ends_at_terminals(labelling, core, terminals)
        kept = slice(labelling.first, labelling.first + len(labelling.levels))
        background = probabilities[kept, classes.index(BACKGROUND)]
        vertebrae = tuple(
            replace(finding.vertebra, level=level, confidence=float(finding.vertebra.confidence * (1 - p_background) * p_level))
            for finding, level, p_level, p_background in zip(
                found[kept], labelling.levels, labelling.probabilities, background, strict=True
            )
        )
        stops = {walk.direction: walk.stop for walk in (up, down) if walk.stop is not None}
        return Spine(up.film.film_id, up.film.size, vertebrae, stops=stops)
