"""SpineFM's pipeline: three confident vertebrae, then up and down the spine. Source: arXiv:2411.00326."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import BACKGROUND
from spinefm.geometry.centroids import centroids_of
from spinefm.geometry.framing import Framing
from spinefm.geometry.masks import mask_iou
from spinefm.pipeline.base_case import base_cases
from spinefm.pipeline.cropping import Part
from spinefm.pipeline.examination import Examiner, Finding, patch_overlap, places_along
from spinefm.pipeline.first_look import FirstLook, first_look
from spinefm.pipeline.framed import Whose, check_known, framing_evidence, framing_of
from spinefm.pipeline.induction import walk_on
from spinefm.pipeline.labelling import Labelling, LevelRules, assign_levels, ends_at_terminals, up_to_terminals
from spinefm.pipeline.mirrored import MirroredSegmenter
from spinefm.pipeline.protocols import Classifier, Detector, NextPoint, Segmenter, SpinePipeline
from spinefm.pipeline.upright import UprightSegmenter
from spinefm.pipeline.walk import InductionRules, Walk, both_walks
from spinefm.pipeline.wavefront import Crew, Examine, Procedure, run_wavefront
from spinefm.structures import Detections, Failure, Radiograph, Spine, StopReason, Vertebra


class InductivePipeline(SpinePipeline):
    """Detect, choose a base case, walk, name the levels.

    Attributes:
        components: Names of the components it is made of, as its constructor calls them.
        any_film: Whether films may have empty borders, or bone that is dark; see `WithoutBorders` and `EitherPolarity`.
    """

    components: ClassVar[tuple[str, ...]] = ("mask_rcnn", "resnet", "point_predictor", "sam_adapter")
    any_film: ClassVar[bool] = True

    def __init__(
        self,
        mask_rcnn: Detector,
        resnet: Classifier,
        point_predictor: NextPoint,
        sam_adapter: Segmenter,
        crop: bool = True,
        mask_threshold: float = 0.5,
        upright: bool = True,
        mirrored: bool = True,
        refinements: int = 1,
        background_above: float | None = None,
        base_attempts: int = 5,
        max_steps: int = 25,
        max_overlap: float = 0.1,
        reach: float = 1.5,
        patience: int = 4,
        swing: float = 60.0,
        lookahead: int = 1,
        tolerance: float = 0.1,
        anomaly_rate: float = 0.02,
        unknown_below: float = 0.5,
        framing: Whose = "own",
        films_at_once: int = 8,
    ) -> None:
        """Put the pipeline together.

        Args:
            mask_rcnn: Finds the base case.
            resnet: Tells vertebra, background and landmarks apart.
            point_predictor: Finds the next centroid.
            sam_adapter: Draws the masks.
            crop: Whether a film that shows much else than the spine is cropped to it; see `first_look`.
            mask_threshold: See `Examiner`.
            upright: Whether the segmenter's patches are turned so that the spine stands upright in them; see `UprightSegmenter`.
            mirrored: Whether the segmenter sees each patch in the mirror, too; see `MirroredSegmenter`.
            refinements: See `Examiner`.
            background_above: See `Examiner`.
            base_attempts: How many base cases of a film are tried, the most promising first.
            max_steps: See `InductionRules`.
            max_overlap: See `InductionRules`.
            reach: See `InductionRules`.
            patience: See `InductionRules`.
            swing: See `InductionRules`.
            lookahead: See `InductionRules`.
            tolerance: How far a centroid may lie from where it was looked for, in spacings: farther, it is looked at again
                (`refinements`; see `Examiner`) and steps predicted from it do not count (`lookahead`; see `InductionRules`).
            anomaly_rate: See `LevelRules`.
            unknown_below: See `LevelRules`.
            framing: Like whose films one is framed, so that the position of the spine on it counts as evidence for its levels: `own`, its
                reader's, if that is one of the classifier's `framings`; `any`, those of all of them together; `none`, nobody's. Where one
                is known, a spine also goes on to its last level through what is not certainly background; see `up_to_terminals`.
            films_at_once: How many films are under way at once.

        Raises:
            ValueError: If an option is out of its range.
        """
        for name, number in (("films_at_once", films_at_once), ("base_attempts", base_attempts)):
            if number < 1:
                raise ValueError(f"Expected `{name}` to be at least 1, but got {number}.")
        self.classifier = resnet
        examiner = Examiner(_shown(sam_adapter, upright, mirrored), resnet, mask_threshold, refinements, tolerance, background_above)
        self.detector, self.crop, self.crew = mask_rcnn, crop, Crew(point_predictor, examiner)
        self.rules = InductionRules(
            max_steps,
            max_overlap,
            reach,
            terminals=resnet.terminals,
            patience=patience,
            swing=swing,
            lookahead=lookahead,
            tolerance=tolerance,
        )
        check_known(resnet.framings, framing)
        self.base_attempts, self.framing, self.films_at_once = base_attempts, framing, films_at_once
        self.level_rules = LevelRules(anomaly_rate, unknown_below)

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """See `SpinePipeline`."""
        return run_wavefront((self._examined(film) for film in films), self.crew, self.films_at_once)

    def _examined(self, film: Radiograph) -> Procedure[Spine]:
        look = self._look(film)
        base = yield from self._find_base(look.film, look.detections)
        if isinstance(base, Failure):
            return Spine(film.film_id, film.size, failure=base)
        up, down = both_walks(look.film, base, self.rules)
        yield from walk_on((up, down), self.crew.predictor.context)
        return self._spine(film, look.part, up, down)

    def _look(self, film: Radiograph) -> FirstLook:
        return first_look(film, self.detector, self.crop)

    def _find_base(self, film: Radiograph, detections: Detections) -> Procedure[list[Finding] | Failure]:
        """The first base case, from head to foot, in which every member holds as a vertebra of its own."""
        options = base_cases(detections, max(3, self.crew.predictor.context))[: self.base_attempts]
        for option in options:
            findings = yield Examine(places_along(film, option))
            if base := self._sound(findings):
                return base
        return Failure.BASE_CASE_REJECTED if options else Failure.TOO_FEW_DETECTIONS

    def _sound(self, findings: Sequence[Finding | StopReason]) -> list[Finding]:
        """The findings of a base case; empty unless each is a vertebra and no two are the same one."""
        sound = [finding for finding in findings if isinstance(finding, Finding) and not finding.is_background]
        distinct = all(mask_iou(a.vertebra, b.vertebra) <= self.rules.max_overlap for a, b in combinations(sound, 2))
        return sound if distinct and len(sound) == len(findings) else []

    def _spine(self, film: Radiograph, part: Part, up: Walk, down: Walk) -> Spine:
        found = [*up.findings[up.base_length :][::-1], *down.findings]
        vertebrae = [finding.vertebra.moved(*part[:2]) for finding in found]
        probabilities = np.stack([finding.probabilities for finding in found])
        seen = slice(len(up.beyond), len(found) - len(down.beyond))
        core = slice(len(up.new_findings), len(up.new_findings) + down.base_length)
        framing = framing_of(self.classifier.framings, self.framing, film.reader)
        labelling = self._labelling(film, framing, vertebrae[seen], probabilities[seen], core)
        labelling = ends_at_terminals(labelling, core, self.classifier.terminals)
        background = probabilities[:, self.classifier.classes.index(BACKGROUND)]
        labelling = replace(labelling, first=seen.start + labelling.first)
        if framing is not None:
            labelling = up_to_terminals(labelling, background, self.classifier.terminals)
        stops = {walk.direction: walk.stop for walk in (up, down) if walk.stop is not None}
        return Spine(film.film_id, film.size, _named(vertebrae, labelling, background), stops=stops)

    def _labelling(
        self,
        film: Radiograph,
        framing: Framing | None,
        vertebrae: Sequence[Vertebra],
        probabilities: NDArray[np.float64],
        core: slice,
    ) -> Labelling:
        """By what the classifier sees; then, if it is known how films like this one are framed, both name what is no background."""
        overlap = patch_overlap(self.classifier, vertebrae)
        named = partial(
            assign_levels, classes=self.classifier.classes, terminals=self.classifier.terminals, rules=self.level_rules, overlap=overlap
        )
        labelling = named(probabilities, core=core)
        if framing is None:
            return labelling
        kept = labelling.kept
        y = centroids_of(vertebrae[kept])[:, 1]
        evidence = framing_evidence(framing, self.classifier.terminals, y, film.size[0])
        return replace(named(probabilities[kept], evidence=evidence), first=labelling.first)


def _named(vertebrae: Sequence[Vertebra], labelling: Labelling, background: NDArray[np.float64]) -> tuple[Vertebra, ...]:
    """What belongs to the spine, of all that was found, (N,) of which is background with these probabilities."""
    kept = labelling.kept
    return tuple(
        replace(vertebra, level=level, confidence=float(vertebra.confidence * (1 - p_background) * trust))
        for vertebra, level, trust, p_background in zip(vertebrae[kept], labelling.levels, labelling.trust, background[kept], strict=True)
    )


def _shown(segmenter: Segmenter, upright: bool, mirrored: bool) -> Segmenter:
    """The segmenter, shown patches upright and in the mirror as told."""
    seeing: Segmenter = MirroredSegmenter(segmenter) if mirrored else segmenter
    return UprightSegmenter(seeing) if upright else seeing
