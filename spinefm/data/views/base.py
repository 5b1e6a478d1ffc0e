"""The base of the views, and the vertebrae of a whole split by their local scale."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from torch.utils.data import Dataset

from spinefm.data.sampling import ItemKey
from spinefm.geometry import centroids_of, local_spacings
from spinefm.structures import Radiograph

ItemT = TypeVar("ItemT")


class View(Dataset[ItemT], ABC, Generic[ItemT]):
    """Films as one component sees them. An item is a function of (seed, epoch, index) and nothing else."""

    def __init__(self, films: Sequence[Radiograph], training: bool, seed: int) -> None:
        """Make a view.

        Args:
            films: Annotated films.
            training: Whether items are augmented anew each epoch.
            seed: Of everything random.

        Raises:
            ValueError: If there are no films.
        """
        if not len(films):
            raise ValueError("Expected at least one film in the split, but it is empty. Check `dataset.root` and the split.")
        self.films, self.training, self.seed = films, training, seed

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def item(self, index: int, rng: np.random.Generator) -> ItemT:
        """Item `index`, with everything random in it drawn from `rng`."""

    def __getitem__(self, key: ItemKey) -> ItemT:
        epoch = key.epoch if self.training else 0
        return self.item(key.index, np.random.default_rng((self.seed, epoch, key.index)))


@dataclass(frozen=True)
class VertebraRef:
    """One annotated vertebra of a split.

    Attributes:
        film: Index of its film.
        position: Its index on the film, 0 at the head.
        spacing: See `local_spacings`.
    """

    film: int
    position: int
    spacing: float


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


def _refs(films: Sequence[Radiograph], repeats: Mapping[str, int]) -> Iterator[VertebraRef]:
    for index, film in enumerate(films):
        if len(film.vertebrae) >= 2:
            spacings = local_spacings(centroids_of(film.vertebrae))
            for position, (vertebra, spacing) in enumerate(zip(film.vertebrae, spacings, strict=True)):
                yield from [VertebraRef(index, position, float(spacing))] * repeats.get(vertebra.level or "", 1)
