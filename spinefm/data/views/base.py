"""The base of the views, and the vertebrae of a whole split by their local scale."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from torch.utils.data import Dataset

from spinefm.anatomy import check_level, level_index, steps_between
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.centroids import local_spacings
from spinefm.structures import CENTROID, Landmark, Point, Radiograph

ItemT = TypeVar("ItemT")


class View(Dataset[ItemT], ABC, Generic[ItemT]):
    """Films as one component sees them.

    An item is a function of (seed, epoch, index) and nothing else; where batches come whole, a batch is one of (seed, epoch, its indices).
    """

    def __init__(self, films: Sequence[Radiograph], training: bool, seed: int, augment: bool = True) -> None:
        """Make a view.

        Args:
            films: Annotated films.
            training: Whether items are drawn anew each epoch.
            seed: Of everything random.
            augment: Whether those of a training are varied beyond what the films show.

        Raises:
            ValueError: If there are no films.
        """
        if not len(films):
            raise ValueError("Expected at least one film, but got none. Check the split.")
        self.films, self.training, self.seed, self.augments = films, training, seed, training and augment

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def item(self, index: int, rng: np.random.Generator) -> ItemT:
        """Item `index`, with everything random in it drawn from `rng`."""

    @abstractmethod
    def film_of(self, index: int) -> Radiograph:
        """The film that item `index` shows."""

    def __getitem__(self, key: ItemKey) -> ItemT:
        epoch = key.epoch if self.training else 0
        return self.item(key.index, np.random.default_rng((self.seed, epoch, key.index)))


@dataclass(frozen=True)
class VertebraRef:
    """One annotated vertebra of a split, with a mask or without.

    Attributes:
        film: Index of its film.
        vertebra: Its index among the film's vertebrae; None for a landmark's, which has no mask.
        level: See `Vertebra`.
        centroid: See `Vertebra`.
        spacing: See `local_spacings`.
    """

    film: int
    vertebra: int | None
    level: str | None
    centroid: Point
    spacing: float


def spine_points(film: Radiograph) -> list[tuple[int | None, str | None, Point]]:
    """Every annotated centroid from head to foot: index among the film's vertebrae, or None for a landmark's; level; (x, y)."""
    points: list[tuple[int | None, str | None, Point]] = [(i, v.level, v.centroid) for i, v in enumerate(film.vertebrae)]
    for mark in film.landmarks:
        if mark.part == CENTROID:
            points.insert(_place(mark, points), (None, mark.level, mark.point))
    return points


def _place(mark: Landmark, points: list[tuple[int | None, str | None, Point]]) -> int:
    """Where a landmark belongs among points from head to foot: by its level, or by its height where no level is known."""
    if all(level is None for _, level, _ in points):
        return sum(y < mark.point[1] for *_, (_, y) in points)
    below = (i for i, (_, level, _) in enumerate(points) if level is not None and level_index(level) > level_index(mark.level))
    return next(below, len(points))


def spine_strides(film: Radiograph) -> list[int]:
    """How many vertebrae each of the `spine_points` lies below the one before; see `steps_between`."""
    return [steps_between(upper, lower) for (_, upper, _), (_, lower, _) in pairwise(spine_points(film))]


def spine_centroids(film: Radiograph) -> np.ndarray:
    """(N, 2) places of `spine_points`."""
    return np.array([point for *_, point in spine_points(film)], dtype=np.float64).reshape(-1, 2)


def mean_spacing(film: Radiograph) -> float:
    """How far apart the vertebrae of a film are on average, pixels; it has two at least."""
    return float(local_spacings(spine_centroids(film), spine_strides(film)).mean())


def vertebra_refs(films: Sequence[Radiograph], repeats: Mapping[str, int]) -> tuple[VertebraRef, ...]:
    """Every vertebra of every film that has at least two, since one alone has no spacing.

    Args:
        films: Annotated.
        repeats: How often vertebrae of a level come; once where it is not named.

    Raises:
        ValueError: If no film has two.
    """
    refs = tuple(_refs(films, repeats))
    if not refs:
        raise ValueError(f"Expected a film with at least two vertebrae, but none of {len(films)} has them. Check the annotations.")
    return refs


def known_repeats(repeats: Mapping[str, int] | None) -> dict[str, int]:
    """`repeats` of a config, none for None.

    Raises:
        ValueError: If one is not of a level.
    """
    return {check_level(level): number for level, number in (repeats or {}).items()}


def _refs(films: Sequence[Radiograph], repeats: Mapping[str, int]) -> Iterator[VertebraRef]:
    for index, film in enumerate(films):
        if len(points := spine_points(film)) >= 2:
            spacings = local_spacings([point for *_, point in points], spine_strides(film))
            for (vertebra, level, point), spacing in zip(points, spacings, strict=True):
                yield from [VertebraRef(index, vertebra, level, point, float(spacing))] * repeats.get(level or "", 1)
