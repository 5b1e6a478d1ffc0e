"""Looking at points of films: cut a patch, segment it, move to the mask's centroid, classify what stands there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spinefm.anatomy import BACKGROUND
from spinefm.geometry.centroids import centroids_of, local_leans, local_spacings
from spinefm.geometry.patches import film_patch, patch_box
from spinefm.pipeline.batch_size import BatchSize
from spinefm.pipeline.postprocess import patch_vertebra
from spinefm.pipeline.protocols import Classifier, PatchNetwork, Segmenter
from spinefm.structures import Patches, Point, Radiograph, StopReason, Vertebra


@dataclass(frozen=True, eq=False)
class Place:
    """A point to look at.

    Attributes:
        film: On which film.
        centre: (x, y), pixels of the film.
        spacing: Distance of vertebrae hereabouts, pixels.
        lean: How far the spine leans there, see `spinefm.geometry.centroids.lean_of`.
    """

    film: Radiograph
    centre: Point
    spacing: float
    lean: float = 0.0

    @property
    def is_on_film(self) -> bool:
        """Whether the point lies on the film."""
        (x, y), (height, width) = self.centre, self.film.size
        return 0 <= x < width and 0 <= y < height


@dataclass(frozen=True, eq=False)
class Finding:
    """A mask that was found, and what the classifier sees at its centroid.

    Attributes:
        vertebra: Without a level; `confidence` is the mean probability of the mask.
        probabilities: (K,) of the classifier's classes.
        name: Background where that is more likely than everything else together, otherwise the most probable other class.
    """

    vertebra: Vertebra
    probabilities: NDArray[np.float64]
    name: str

    @property
    def is_background(self) -> bool:
        """Whether the classifier calls it background."""
        return self.name == BACKGROUND


@dataclass(eq=False)
class Examiner:
    """Segmenter and classifier at work on any number of places, of any films, in as few calls as memory allows.

    Attributes:
        segmenter: Draws the mask.
        classifier: Names what stands at its centroid.
        mask_threshold: Probability above which a pixel belongs to a vertebra.
        refinements: How often a patch is cut and segmented again around the centroid just found.
        tolerance: How far that may lie from the middle of the patch, in spacings, for this not to be worth it.
        background_above: Where the classifier, asked first, is surer than this of background, nothing is segmented; None does not ask.

    Raises:
        ValueError: If a probability is not one, or `refinements` or `tolerance` is negative.
    """

    segmenter: Segmenter
    classifier: Classifier
    mask_threshold: float = 0.5
    refinements: int = 0
    tolerance: float = 0.1
    background_above: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.mask_threshold < 1:
            raise ValueError(f"Expected `mask_threshold` to be above 0 and below 1, but got {self.mask_threshold}.")
        if self.refinements < 0:
            raise ValueError(f"Expected `refinements` to be at least 0, but got {self.refinements}.")
        if not self.tolerance >= 0:
            raise ValueError(f"Expected `tolerance` to be at least 0 spacings, but got {self.tolerance}.")
        if self.background_above is not None and not 0 < self.background_above <= 1:
            raise ValueError(f"Expected `background_above` to be null or above 0 and at most 1, but got {self.background_above}.")
        self._segmented, self._classified = BatchSize.of_patches(self.segmenter), BatchSize.of_patches(self.classifier)

    def examine(self, places: Sequence[Place]) -> list[Finding | StopReason]:
        """What stands at each place; why a walk ends there, where there is no mask to find."""
        promising = self._promising(places)
        findings = iter(self._look([place for place, promises in zip(places, promising, strict=True) if promises]))
        return [next(findings) if promises else StopReason.BACKGROUND for promises in promising]

    def _promising(self, places: Sequence[Place]) -> list[bool]:
        if self.background_above is None:
            return [True] * len(places)
        background = self.classifier.classes.index(BACKGROUND)
        return [bool(row[background] <= self.background_above) for row in self._classify(places)]

    def _look(self, places: Sequence[Place]) -> list[Finding | StopReason]:
        vertebrae = self._segmented.map(self._segment, places)
        for _ in range(self.refinements):
            places, vertebrae = self._refined(places, vertebrae)
        found = [_moved(place, vertebra) for place, vertebra in zip(places, vertebrae, strict=True) if vertebra is not None]
        rows = iter(self._classify(found))
        return [StopReason.EMPTY_MASK if vertebra is None else self._finding(vertebra, next(rows)) for vertebra in vertebrae]

    def _refined(self, places: Sequence[Place], vertebrae: Sequence[Vertebra | None]) -> tuple[list[Place], list[Vertebra | None]]:
        """Segment again where a vertebra was found off the middle of its patch; where each was looked for last, and what was found."""
        off = [self._is_off(place, vertebra) for place, vertebra in zip(places, vertebrae, strict=True)]
        centred = [_moved(place, vertebra) if is_off else place for place, vertebra, is_off in zip(places, vertebrae, off, strict=True)]
        again = iter(self._segmented.map(self._segment, [place for place, is_off in zip(centred, off, strict=True) if is_off]))
        # What a second look does not find again stays as the first one saw it.
        return centred, [(next(again) or vertebra) if is_off else vertebra for vertebra, is_off in zip(vertebrae, off, strict=True)]

    def _is_off(self, place: Place, vertebra: Vertebra | None) -> bool:
        return vertebra is not None and math.dist(place.centre, vertebra.centroid) > self.tolerance * place.spacing

    def _classify(self, places: Sequence[Place]) -> list[NDArray[np.float64]]:
        return self._classified.map(partial(classify_places, self.classifier), places)

    def _segment(self, places: Sequence[Place]) -> list[Vertebra | None]:
        patches = cut_patches(places, self.segmenter)
        logits = self.segmenter.segment(patches)
        return [
            patch_vertebra(one, box, place.film.size, self.mask_threshold)
            for one, box, place in zip(logits, patches.boxes, places, strict=True)
        ]

    def _finding(self, vertebra: Vertebra, probabilities: NDArray[np.float64]) -> Finding:
        return Finding(vertebra, probabilities, class_of(probabilities, self.classifier.classes))


def class_of(probabilities: NDArray[np.float64], classes: Sequence[str]) -> str:
    """The name of what (K,) probabilities of `classes` say: where every level has a class, a vertebra's probability is shared by many."""
    background = classes.index(BACKGROUND)
    if probabilities[background] > 0.5:
        return BACKGROUND
    return classes[int(np.where(np.arange(len(classes)) == background, -1.0, probabilities).argmax())]


def places_along(film: Radiograph, vertebrae: Sequence[Vertebra]) -> list[Place]:
    """The centroids of at least two vertebrae, in order along the spine, as places."""
    centroids = centroids_of(vertebrae)
    spacings, leans = local_spacings(centroids), local_leans(centroids)
    return [Place(film, its.centroid, float(spacing), float(lean)) for its, spacing, lean in zip(vertebrae, spacings, leans, strict=True)]


def classify_places(classifier: Classifier, places: Sequence[Place]) -> NDArray[np.float64]:
    """(N, K) class probabilities at each place."""
    if not places:
        return np.zeros((0, len(classifier.classes)))
    probabilities: Tensor = classifier.classify(cut_patches(places, classifier))
    return probabilities.numpy().astype(np.float64)


def patch_overlap(network: PatchNetwork, vertebrae: Sequence[Vertebra]) -> float:
    """How many of the patches around at least two vertebrae, in order along the spine, show one and the same of them; at least 1."""
    spacing = float(np.median(local_spacings(centroids_of(vertebrae))))
    return max(1.0, network.patch_rule.side(spacing) / spacing)


def cut_patches(places: Sequence[Place], network: PatchNetwork) -> Patches:
    """The patch around each place, as a network sees it."""
    boxes = tuple(patch_box(place.centre, network.patch_rule.side(place.spacing)) for place in places)
    size, device = network.input_size, network.device
    crops = [film_patch(place.film.pixels, box, size, device) for place, box in zip(places, boxes, strict=True)]
    spacings, leans = tuple(place.spacing for place in places), tuple(place.lean for place in places)
    film_ids, readers = tuple(place.film.film_id for place in places), tuple(place.film.reader for place in places)
    return Patches(torch.stack(crops)[:, None].div_(255), boxes, spacings, film_ids, leans, readers)


def _moved(place: Place, vertebra: Vertebra | None) -> Place:
    return place if vertebra is None else replace(place, centre=vertebra.centroid)
