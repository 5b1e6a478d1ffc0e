"""The inductive pipeline with some components replaced by the annotation: which one is to blame?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from spinefm.anatomy import BACKGROUND, VERTEBRA
from spinefm.geometry.framing import Framing
from spinefm.geometry.patches import crop_mask
from spinefm.options import check_options
from spinefm.pipeline.first_look import FirstLook
from spinefm.pipeline.inductive import InductivePipeline
from spinefm.pipeline.protocols import Classifier, NextPoint, Segmenter
from spinefm.structures import CENTROID, Detections, Patches, Point, Radiograph, Spine, Trails, Vertebra

MASK_SIZE = 256
"""Pixels along a side of a true mask in its patch: fine enough for a Dice above 0.99."""
CERTAIN = 8.0
"""Logit of a true mask; also that of the true class over the others."""


@dataclass
class Truth:
    """The annotations of the films under way.

    Attributes:
        films: By film id.
    """

    films: dict[str, Radiograph] = field(default_factory=dict)

    def learn(self, film: Radiograph) -> None:
        """Know a film from now on.

        Raises:
            ValueError: If it is not annotated.
        """
        if not film.vertebrae:
            raise ValueError(f"Expected annotated films for `pipeline=oracle`, but `{film.film_id}` is not. Use `pipeline=inductive`.")
        self.films[film.film_id] = film

    def nearest(self, film_id: str, point: Point) -> int:
        """Index of the true vertebra whose centroid is nearest."""
        return int(np.argmin([np.hypot(v.centroid[0] - point[0], v.centroid[1] - point[1]) for v in self.films[film_id].vertebrae]))

    def vertebra_at(self, film_id: str, point: Point) -> Vertebra | None:
        """The true vertebra around a point, or within half its size of it; None where there is none."""
        vertebra = self.films[film_id].vertebrae[self.nearest(film_id, point)]
        reach = np.sqrt(vertebra.area) / 2
        return vertebra if np.hypot(vertebra.centroid[0] - point[0], vertebra.centroid[1] - point[1]) <= reach else None

    def level_at(self, film_id: str, point: Point) -> str | None:
        """Level of what is annotated at a point, `VERTEBRA` where it is unknown, None where nothing is annotated."""
        if vertebra := self.vertebra_at(film_id, point):
            return vertebra.level or VERTEBRA
        film = self.films[film_id]
        reach = np.sqrt(np.median([vertebra.area for vertebra in film.vertebrae])) / 2
        near = (mark.level for mark in film.landmarks if mark.part == CENTROID and np.hypot(*np.subtract(mark.point, point)) <= reach)
        return next(near, None)


class TrueDetections:
    """Detects every true vertebra."""

    def detect(self, films: Sequence[Radiograph]) -> list[Detections]:
        """See `Detector`."""
        return [Detections(tuple(replace(v, level=None) for v in film.vertebrae)) for film in films]


@dataclass
class TruePoints:
    """Goes on to the next true centroid; past the last one straight on."""

    truth: Truth
    context: int

    def predict_next(self, trails: Trails) -> Tensor:
        """See `NextPoint`."""
        points = [self._next(film_id, trail.numpy()) for film_id, trail in zip(trails.film_ids, trails.centroids, strict=True)]
        return torch.tensor(np.array(points), dtype=torch.float32).reshape(-1, 2)

    def _next(self, film_id: str, trail: Any) -> Any:
        before, last = (self.truth.nearest(film_id, tuple(point)) for point in trail[-2:])
        vertebrae = self.truth.films[film_id].vertebrae
        following = last + int(np.sign(last - before))
        beyond = following in (last, -1, len(vertebrae))  # of two points beyond the last vertebra both are nearest to it
        return 2 * trail[-1] - trail[-2] if beyond else vertebrae[following].centroid


class TrueClasses:
    """Sees what is annotated at the middle of a patch; everything else is as with the classifier that it stands for."""

    def __init__(self, truth: Truth, classifier: Classifier) -> None:
        self.truth, self.classes, self.terminals = truth, classifier.classes, classifier.terminals
        self.input_size, self.patch_rule, self.device = classifier.input_size, classifier.patch_rule, classifier.device
        self.framings = MappingProxyType[str, Framing]({})  # nothing is to speak against the truth

    def classify(self, patches: Patches) -> Tensor:
        """See `Classifier`."""
        logits = torch.zeros(len(patches.boxes), len(self.classes))
        for row, film_id, box in zip(logits, patches.film_ids, patches.boxes, strict=True):
            level = self.truth.level_at(film_id, (box.x + box.side / 2, box.y + box.side / 2))
            name = BACKGROUND if level is None else level if level in self.classes else VERTEBRA
            row[self.classes.index(name)] = CERTAIN
        return logits.softmax(1)


class TrueMasks:
    """Draws the true vertebra at the middle of a patch; everything else is as with the segmenter that it stands for.

    That one draws the vertebrae of which only points are annotated, too: no mask of theirs is known, but they are there.
    """

    def __init__(self, truth: Truth, segmenter: Segmenter) -> None:
        self.truth, self.segmenter, self.input_size = truth, segmenter, segmenter.input_size
        self.patch_rule, self.device = segmenter.patch_rule, segmenter.device

    def segment(self, patches: Patches) -> Tensor:
        """See `Segmenter`."""
        logits = torch.full((len(patches.boxes), MASK_SIZE, MASK_SIZE), -CERTAIN)
        unknown = []
        for index, (film_id, box) in enumerate(zip(patches.film_ids, patches.boxes, strict=True)):
            middle = (box.x + box.side / 2, box.y + box.side / 2)
            if vertebra := self.truth.vertebra_at(film_id, middle):
                logits[index] = CERTAIN * (2 * crop_mask(vertebra, box, MASK_SIZE) - 1)
            elif self.truth.level_at(film_id, middle):
                unknown.append(index)
        if unknown:
            drawn = self.segmenter.segment(patches.select(unknown))
            logits[unknown] = interpolate(drawn[None], (MASK_SIZE, MASK_SIZE), mode="bilinear")[0]
        return logits


class OraclePipeline(InductivePipeline):
    """The inductive pipeline in which some components are replaced by the annotation of the films."""

    def __init__(self, oracle: str | Sequence[str] = "none", **parts: Any) -> None:
        """Put the pipeline together.

        Args:
            oracle: Name of the component that is replaced, or several names; "none" replaces none.
            parts: See `InductivePipeline`.

        Raises:
            ValueError: If there is no such component or part.
        """
        check_options(InductivePipeline, {name: value for name, value in parts.items() if name not in self.components})
        names = {oracle} if isinstance(oracle, str) else set(oracle)
        if unknown := names - {"none", *self.components}:
            raise ValueError(f"Expected `oracle` to be none or of {list(self.components)}, but got {sorted(unknown)}.")
        self.truth = Truth()
        super().__init__(**parts | {name: self._oracle(name, parts[name]) for name in names - {"none", "sam_adapter"}})
        if "sam_adapter" in names:
            # The truth is drawn as it lies on the film; what is not annotated, as ever.
            examiner = self.crew.examiner
            self.crew = replace(self.crew, examiner=replace(examiner, segmenter=TrueMasks(self.truth, examiner.segmenter)))

    def _oracle(self, name: str, component: Any) -> Any:
        if name == "mask_rcnn":
            return TrueDetections()
        if name == "point_predictor":
            predictor: NextPoint = component
            return TruePoints(self.truth, predictor.context)
        return TrueClasses(self.truth, component)

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """See `SpinePipeline`; films have to be annotated."""
        for spine in super().stream(films):
            yield spine
            self.truth.films.pop(spine.film_id, None)

    def _look(self, film: Radiograph) -> FirstLook:
        self.truth.learn(film)  # what is not annotated is refused before anything is detected on it
        look = super()._look(film)
        self.truth.learn(look.film)
        return look
