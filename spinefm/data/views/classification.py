"""The classifier's view: patches of vertebrae, and of background around the spine."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from spinefm.anatomy import BACKGROUND, VERTEBRA
from spinefm.data.views.augmentation import augment
from spinefm.data.views.base import VertebraRef, View, grey_patch, spine_centroids, vertebra_refs
from spinefm.patches import PatchRule, patch_box
from spinefm.structures import Point, Radiograph

CENTRE_JITTER = 0.12
SCALE_JITTER = 0.15
MAX_ROTATION = 10.0
MAX_ZOOM = 1.1
RING = (0.75, 3.0)
"""Inner and outer distance of a background point from the nearest centroid, in local spacings."""
BEYOND_SHARE = 0.35
"""Share of background patches taken where a walk leaves the annotated spine."""


def class_names(landmarks: Sequence[str]) -> tuple[str, ...]:
    """The classifier's classes in the order of its outputs."""
    return BACKGROUND, VERTEBRA, *landmarks


class ClassificationView(View[tuple[Tensor, Tensor]]):
    """Items are (patch, label): (1, S, S) float32 in 0..1, and an index into `class_names`; half of them background."""

    def __init__(
        self,
        films: Sequence[Radiograph],
        training: bool,
        seed: int,
        classes: Sequence[str],
        input_size: int,
        patch_rule: PatchRule,
        repeats: Mapping[str, int],
    ) -> None:
        """Make a view; see `View`.

        Args:
            films: Annotated films.
            training: See `View`.
            seed: See `View`.
            classes: As from `class_names`.
            input_size: S.
            patch_rule: Side of a patch.
            repeats: How often vertebrae of a level come in a training epoch: a film has one of each landmark at most.
        """
        super().__init__(films, training, seed)
        self.refs = vertebra_refs(films, repeats if training else {})
        self.classes, self.input_size, self.patch_rule = tuple(classes), input_size, patch_rule

    def __len__(self) -> int:
        return 2 * len(self.refs)

    def item(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """See `View.item`; even items are vertebrae, odd ones background beside the same vertebra."""
        ref = self.refs[index // 2]
        film = self.films[ref.film]
        name: str | None = BACKGROUND
        if index % 2:
            centre = _background_point(film, ref, rng)
        else:
            x, y = np.asarray(ref.centroid) + rng.normal(0, CENTRE_JITTER, 2) * ref.spacing
            centre, name = (float(x), float(y)), ref.level
        label = self.classes.index(name) if name in self.classes else self.classes.index(VERTEBRA)
        return self._patch(film, centre, ref.spacing * np.exp(rng.normal(0, SCALE_JITTER)), rng), torch.tensor(label)

    def _patch(self, film: Radiograph, centre: Point, spacing: float, rng: np.random.Generator) -> Tensor:
        box = patch_box(centre, self.patch_rule.side(spacing))
        pixels = grey_patch(film, box, self.input_size)
        if self.training:
            pixels, _ = augment(pixels, [], rng, MAX_ROTATION, MAX_ZOOM)
        return torch.from_numpy(pixels)[None].float() / 255


def _background_point(film: Radiograph, ref: VertebraRef, rng: np.random.Generator) -> Point:
    """A point of a ring around the spine, or one where a walk would step beyond its annotated ends.

    Source: arXiv:2411.00326 takes its ring from two Gaussian blurs with sigmas in pixels; films differ in scale, so this
    ring is measured in vertebra spacings.
    """
    centroids, marks = spine_centroids(film), np.array([mark.point for mark in film.landmarks]).reshape(-1, 2)
    if rng.random() < BEYOND_SHARE:
        beyond = _beyond_an_end(centroids, rng)
        # What a landmark marks is a vertebra, although it has no centroid to walk on from.
        if _on_film(beyond, film).all() and (np.linalg.norm(marks - beyond, axis=1) > RING[0] * ref.spacing).all():
            return float(beyond[0]), float(beyond[1])
    distance = rng.uniform(*RING, (32, 1)) * ref.spacing
    angle = rng.uniform(0, 2 * np.pi, 32)
    points = np.asarray(ref.centroid) + distance * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    nearest = np.linalg.norm(points[:, None] - np.concatenate([centroids, marks]), axis=2).min(1)
    suitable = (nearest > RING[0] * ref.spacing) & _on_film(points, film).all(1)
    x, y = points[suitable.argmax()] if suitable.any() else points[nearest.argmax()]
    return float(x), float(y)


def _beyond_an_end(centroids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2,): one step beyond the upper or the lower end of the spine, roughly."""
    last, before = (centroids[0], centroids[1]) if rng.random() < 0.5 else (centroids[-1], centroids[-2])
    step = last - before
    point: np.ndarray = last + step * rng.uniform(0.8, 1.2) + rng.normal(0, CENTRE_JITTER, 2) * np.linalg.norm(step)
    return point


def _on_film(points: np.ndarray, film: Radiograph) -> np.ndarray:
    """(..., 2) bool: whether x and y lie on the film."""
    height, width = film.size
    inside: np.ndarray = (points >= 0) & (points < (width, height))
    return inside
