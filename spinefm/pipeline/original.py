"""What the released code of SpineFM decides, for who wants the paper's numbers from the paper's weights.

One film and one patch at a time: fidelity before speed. Written from arXiv:2411.00326 and a list of decisions, without a line of that code.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from spinefm.anatomy import BACKGROUND
from spinefm.geometry.centroids import centroids_of, last_spacing, principal_axis_order
from spinefm.geometry.masks import mask_iou, mask_to_vertebra
from spinefm.options import check_options, check_shares
from spinefm.pipeline.base_case import base_cases, mean_score
from spinefm.pipeline.examination import Finding, Place, classify_places, cut_patches, patch_overlap, places_along
from spinefm.pipeline.labelling import LevelRules, assign_levels
from spinefm.pipeline.padded_logits import Upsampling, padded_logits
from spinefm.pipeline.protocols import Classifier, Detector, NextPoint, Segmenter, SpinePipeline
from spinefm.structures import Detections, Direction, Failure, Mask, Radiograph, Spine, StopReason, Trails, Vertebra

BaseCase = Literal["least_squares", "principal_axis", "regular"]

BLUR_RADIUS, BLUR_SIGMA = 7, 20.0
"""Of the Gaussian of 15 x 15 pixels that smooths masks of NHANES II, pixels."""


@dataclass(frozen=True)
class Decisions:
    """What there is to decide; the defaults are those of the released code.

    Attributes:
        base_case: "least_squares" takes the neighbours with the highest mean score along the line y = mx + c, whatever they look like;
            "principal_axis" the same along an axis that vertical spines have, too; "regular" the first of `base_cases`.
        upsampling: How logits grow to the side of their patch.
        mask_threshold: Probability above which a pixel belongs to a vertebra.
        largest_part: Whether only the largest part of a mask is kept, and its holes filled.
        weigh_padding: Whether a point moves to the centroid of all pixels of the film, which those around the patch pull to the film's
            middle; else to that of the patch's.
        max_overlap: Largest IoU of a new mask with the ones before it.
        overlap_logit: Logit above which a pixel belongs to a mask in that comparison; 0.5 is a probability of 0.622.
        overlap_reach: With how many masks before it on the same walk a new one is compared.
        max_steps: Bound on the steps of one walk. The released code has none.
        blur: Whether the outlines of the masks are smoothed in the end, as for NHANES II.

    Raises:
        ValueError: If `base_case` or `upsampling` is unknown, `mask_threshold` no probability, or `overlap_reach` not positive.
    """

    base_case: BaseCase = "least_squares"
    upsampling: Upsampling = "nearest"
    mask_threshold: float = 0.9
    largest_part: bool = False
    weigh_padding: bool = True
    max_overlap: float = 0.1
    overlap_logit: float = 0.5
    overlap_reach: int = 1
    max_steps: int = 25
    blur: bool = False

    def __post_init__(self) -> None:
        if self.base_case not in ("least_squares", "principal_axis", "regular"):
            raise ValueError(f"Expected `base_case` to be least_squares, principal_axis or regular, but got `{self.base_case}`.")
        if self.upsampling not in ("nearest", "bilinear"):
            raise ValueError(f"Expected `upsampling` to be nearest or bilinear, but got `{self.upsampling}`.")
        check_shares(mask_threshold=self.mask_threshold, max_overlap=self.max_overlap)
        if self.overlap_reach < 1:
            raise ValueError(f"Expected `overlap_reach` to be at least 1, but got {self.overlap_reach}.")

    @property
    def mask_logit(self) -> float:
        """`mask_threshold` as a logit."""
        return float(torch.tensor(self.mask_threshold, dtype=torch.float64).logit())


def least_squares_order(points: ArrayLike) -> NDArray[np.intp]:
    """Indices that sort points along their line y = mx + c of least squares, from the upper end to the lower one.

    That line lies across a bowed, vertical spine rather than along it (which is why `principal_axis_order` exists), and where all
    x agree there is none: then, and only then, the order is that of the principal axis.

    Args:
        points: (N, 2) as (x, y).
    """
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(xy) < 2 or np.ptp(xy[:, 0]) == 0:
        return principal_axis_order(xy)
    x, y = (xy - xy.mean(0)).T
    slope = (x @ y) / (x @ x)
    along = x + slope * y
    return np.argsort(along if slope >= 0 else -along, kind="stable")


def blurred(vertebra: Vertebra, film_size: tuple[int, int]) -> Vertebra | None:
    """A vertebra with a smooth outline: where its mask, blurred, exceeds a half; None if that is nowhere.

    Args:
        vertebra: Its centroid and confidence stay.
        film_size: (H, W) of the film, pixels; the mask is mirrored at the film's border.
    """
    # Beyond the box more than half of what a pixel sees is no mask, but where the film's border mirrors it.
    x0, y0, x1, y1 = vertebra.box
    left, top = max(x0 - BLUR_RADIUS, 0), max(y0 - BLUR_RADIUS, 0)
    right, bottom = min(x1 + BLUR_RADIUS, film_size[1]), min(y1 + BLUR_RADIUS, film_size[0])
    window = np.pad(vertebra.mask, ((y0 - top, bottom - y1), (x0 - left, right - x1))).astype(np.float64)
    mask: Mask = ndimage.gaussian_filter(window, BLUR_SIGMA, mode="mirror", radius=BLUR_RADIUS) > 0.5
    return mask_to_vertebra(mask, (left, top), vertebra.centroid, vertebra.level, vertebra.confidence)


@dataclass(frozen=True, eq=False)
class Sighting(Finding):
    """A finding at its refined point.

    Attributes:
        rough: The mask that is compared with the one before; None if it is empty.
    """

    rough: Vertebra | None


class OriginalPipeline(SpinePipeline):
    """Detect, take the three best neighbours, walk up and down; levels, which the released code does not assign, are this project's.

    Where the released code crashes, never ends or takes another film's points, this does not: a walk has a bound and ends at the film's
    border or at an empty mask, and a film with too few detections, or an empty mask in its base case, has failed.

    Attributes:
        components: Names of the components it is made of, as its constructor calls them.
        any_film: Whether films may have empty borders, or bone that is dark; see `WithoutBorders` and `EitherPolarity`.
    """

    components: ClassVar[tuple[str, ...]] = ("mask_rcnn", "resnet", "point_predictor", "sam_adapter")
    any_film: ClassVar[bool] = False

    def __init__(
        self,
        mask_rcnn: Detector,
        resnet: Classifier,
        point_predictor: NextPoint,
        sam_adapter: Segmenter,
        anomaly_rate: float = 0.02,
        unknown_below: float = 0.5,
        **decisions: Any,
    ) -> None:
        """Put the pipeline together.

        Args:
            mask_rcnn: Finds the base case, with the thresholds of its checkpoint.
            resnet: Tells vertebra, background and landmarks apart.
            point_predictor: Finds the next centroid.
            sam_adapter: Draws the masks.
            anomaly_rate: See `LevelRules`.
            unknown_below: See `LevelRules`.
            decisions: Fields of `Decisions`.

        Raises:
            ValueError: If there is no such decision, or it is out of its range.
        """
        self.detector, self.classifier, self.predictor, self.segmenter = mask_rcnn, resnet, point_predictor, sam_adapter
        check_options(Decisions, decisions)
        self.decisions = Decisions(**decisions)
        self.level_rules = LevelRules(anomaly_rate, unknown_below)

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """See `SpinePipeline`."""
        return (self._spine(film) for film in films)

    def _spine(self, film: Radiograph) -> Spine:
        (detections,) = self.detector.detect([film])
        detected = self._base_case(detections)
        if not detected:
            return Spine(film.film_id, film.size, failure=Failure.TOO_FEW_DETECTIONS)
        examined = [self._examine(place) for place in places_along(film, detected)]
        base = [sighting for sighting in examined if sighting is not None]
        if len(base) < len(examined):
            return Spine(film.film_id, film.size, failure=Failure.BASE_CASE_REJECTED)
        above, up = self._walk(film, base[::-1])
        below, down = self._walk(film, base)
        vertebrae = self._named([*above[::-1], *base, *below])
        if self.decisions.blur:
            vertebrae = [smooth for vertebra in vertebrae if (smooth := blurred(vertebra, film.size)) is not None]
        return Spine(film.film_id, film.size, tuple(vertebrae), stops={Direction.UP: up, Direction.DOWN: down})

    def _base_case(self, detections: Detections) -> Sequence[Vertebra]:
        """From head to foot; empty if there are too few detections. A predictor that looks further back than three needs more of them."""
        found, length = detections.vertebrae, max(3, self.predictor.context)
        if self.decisions.base_case == "regular":
            return next(iter(base_cases(detections, length)), ())
        order = least_squares_order if self.decisions.base_case == "least_squares" else principal_axis_order
        ordered = [found[i] for i in order(centroids_of(found))]
        runs = [ordered[start : start + length] for start in range(len(ordered) - length + 1)]
        return max(runs, key=mean_score, default=())

    def _examine(self, place: Place) -> Sighting | None:
        """Segment the patch around a place and classify the one around the centroid found; None if the mask is empty."""
        patches = cut_patches([place], self.segmenter)
        logits = padded_logits(self.segmenter.segment(patches)[0], patches.boxes[0], place.film.size, self.decisions.upsampling)
        centroid = logits.centroid(self.decisions.weigh_padding)
        vertebra = logits.vertebra(self.decisions.mask_logit, centroid, self.decisions.largest_part)
        if vertebra is None:
            return None
        (probabilities,) = classify_places(self.classifier, [replace(place, centre=centroid)])
        name = self.classifier.classes[int(probabilities.argmax())]
        return Sighting(vertebra, probabilities, name, logits.vertebra(self.decisions.overlap_logit, centroid))

    def _walk(self, film: Radiograph, base: Sequence[Sighting]) -> tuple[list[Sighting], StopReason]:
        """What lies beyond the last of a base case, and why there is no more. The base case itself may end in a landmark: nobody asks."""
        seen = list(base)
        for _ in range(self.decisions.max_steps):
            step = self._step(film, seen)
            if isinstance(step, StopReason):
                return seen[len(base) :], step
            seen.append(step)
            if step.name in self.classifier.terminals:
                return seen[len(base) :], StopReason.LANDMARK
        return seen[len(base) :], StopReason.MAX_STEPS

    def _step(self, film: Radiograph, seen: Sequence[Sighting]) -> Sighting | StopReason:
        """The next vertebra, or why there is none."""
        place = self._next_place(film, centroids_of([sighting.vertebra for sighting in seen]))
        if not place.is_on_film:
            return StopReason.BORDER
        sighting = self._examine(place)
        if sighting is None:
            return StopReason.EMPTY_MASK
        if any(_overlap(sighting, earlier) > self.decisions.max_overlap for earlier in seen[-self.decisions.overlap_reach :]):
            return StopReason.OVERLAP
        return StopReason.BACKGROUND if sighting.is_background else sighting

    def _next_place(self, film: Radiograph, centroids: NDArray[np.float64]) -> Place:
        """Where a walk past these (n, 2) centroids goes on; its spacing is the mean of the last two steps."""
        trail = torch.from_numpy(centroids[-self.predictor.context :]).float()
        sizes = torch.tensor([film.size[::-1]], dtype=torch.float32)
        ((x, y),) = self.predictor.predict_next(Trails(trail[None], sizes, (film.film_id,))).tolist()
        return Place(film, (x, y), last_spacing(centroids))

    def _named(self, found: Sequence[Sighting]) -> list[Vertebra]:
        """All of them, with levels where a landmark tells."""
        probabilities = np.stack([sighting.probabilities for sighting in found])
        classes, terminals = self.classifier.classes, self.classifier.terminals
        overlap = patch_overlap(self.classifier, [sighting.vertebra for sighting in found])
        labelling = assign_levels(probabilities, classes, terminals, slice(None), self.level_rules, overlap)
        trust = (1 - probabilities[:, classes.index(BACKGROUND)]) * labelling.trust
        return [
            replace(sighting.vertebra, level=level, confidence=float(sighting.vertebra.confidence * factor))
            for sighting, level, factor in zip(found, labelling.levels, trust, strict=True)
        ]


def _overlap(first: Sighting, second: Sighting) -> float:
    return mask_iou(first.rough, second.rough) if first.rough and second.rough else 0.0
