"""Simulated radiographs as a data set."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from spinefm.data.dataset import RadiographDataset
from spinefm.data.synthetic.radiographs import simulate
from spinefm.structures import Radiograph, Split, View

GENERATOR_VERSION = 3
"""Raise it whenever the same arguments give other films."""

SPLITS: tuple[Split, ...] = ("train", "val", "test")
VIEWS: tuple[View, ...] = (View.LATERAL_CERVICAL, View.LATERAL_LUMBAR, View.AP_SPINE)


class SyntheticDataset(RadiographDataset):
    """Films simulated when they are indexed; one index always gives the same film.

    Args:
        num_films: How many films each split has; a split that is not named has none.
        seed: Another seed gives other films.
        size: (H, W) of every film; None draws a size for each, of about 0.8 million pixels.
        views: Projections, in turn, so that all are equally frequent.
        landmarks: See `RadiographDataset`.
        terminals: See `RadiographDataset`.
        scale: Shrinks the drawn sizes, such as 0.25 for tests; not applied to a given `size`.

    Raises:
        ValueError: On a split, a number of films or a view that does not exist.
    """

    name = "synthetic"

    def __init__(
        self,
        num_films: Mapping[str, int],
        seed: int = 0,
        size: tuple[int, int] | None = None,
        views: Sequence[str] = VIEWS,
        landmarks: Sequence[str] = ("C1", "C2", "T1", "L5", "S1"),
        terminals: Sequence[str] = ("C1", "T1", "S1"),
        scale: float = 1.0,
    ) -> None:
        self._num_films = _check_num_films(num_films)
        self._views = _check_views(views)
        self._seed, self._scale = seed, scale
        self._size = None if size is None else (int(size[0]), int(size[1]))
        self.landmarks, self.terminals = tuple(landmarks), tuple(terminals)

    def split(self, split: Split) -> Sequence[Radiograph]:
        """The films of one split, simulated when indexed."""
        if split not in SPLITS:
            raise ValueError(f"Expected `split` to be one of {', '.join(SPLITS)}, but got {split!r}.")
        return _Films(self, split, self._num_films.get(split, 0))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the arguments and `GENERATOR_VERSION`."""
        content = {
            "version": GENERATOR_VERSION,
            "num_films": self._num_films,
            "seed": self._seed,
            "size": self._size,
            "views": self._views,
            "landmarks": self.landmarks,
            "terminals": self.terminals,
            "scale": self._scale,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def film(self, split: Split, index: int) -> Radiograph:
        """One film; depends on the seed, the split and the index and on nothing else."""
        rng = np.random.default_rng([self._seed, SPLITS.index(split), index])
        view = self._views[index % len(self._views)]
        film = simulate(view, rng, self._size, self._scale)
        film_id = f"{split}_{index:04d}"
        return Radiograph(film_id, film.pixels, film.vertebrae, view, film_id, film.spacing_mm)


class _Films(Sequence[Radiograph]):
    """A split that simulates what is asked for."""

    def __init__(self, dataset: SyntheticDataset, split: Split, length: int) -> None:
        self._dataset, self._split, self._length = dataset, split, length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Radiograph: ...

    @overload
    def __getitem__(self, index: slice) -> "Sequence[Radiograph]": ...

    def __getitem__(self, index: int | slice) -> "Radiograph | Sequence[Radiograph]":
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(f"Expected an index below {self._length}, but got {index}.")
        return self._dataset.film(self._split, index % self._length)

    def __iter__(self) -> Iterator[Radiograph]:
        return (self[index] for index in range(self._length))


def _check_num_films(num_films: Mapping[str, int]) -> dict[str, int]:
    for split, count in num_films.items():
        if split not in SPLITS or count < 0:
            raise ValueError(f"Expected `num_films` to give train, val or test a number of films, but got {split!r}: {count}.")
    return {str(split): int(count) for split, count in num_films.items()}


def _check_views(views: Sequence[str]) -> tuple[View, ...]:
    if not views or not set(views) <= set(VIEWS):
        raise ValueError(f"Expected `views` to be some of {', '.join(VIEWS)}, but got {list(views)}.")
    return tuple(View(view) for view in views)
