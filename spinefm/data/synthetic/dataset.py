"""Simulated radiographs as a data set."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinefm.data.dataset import Films, RadiographDataset, digest
from spinefm.data.splits.grouping import check_split
from spinefm.data.synthetic.radiographs import simulate
from spinefm.structures import SPLITS, Radiograph, Split, View

GENERATOR_VERSION = 5
"""Raise it whenever the same arguments give other films; 6 and 7 were two that were undone."""

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
        cache_dir: See `RadiographDataset`.
        curve_scale: Factor on the bends of spines seen from the front, finite and not negative.

    Raises:
        ValueError: On a split, a number of films or a view that does not exist, or a `curve_scale` that is none.
    """

    name = "synthetic"
    divided_by = "`dataset.num_films.{split}`"

    def __init__(
        self,
        num_films: Mapping[str, int],
        seed: int = 0,
        size: tuple[int, int] | None = None,
        views: Sequence[str] = VIEWS,
        landmarks: Sequence[str] = ("C1", "C2", "T1", "L5", "S1"),
        terminals: Sequence[str] = ("C1", "T1", "S1"),
        scale: float = 1.0,
        cache_dir: str | None = None,
        curve_scale: float = 1.0,
    ) -> None:
        self._num_films = _check_num_films(num_films)
        self._views = _check_views(views)
        self._seed, self._scale, self._curve_scale = seed, _check_scale(scale), _check_curve_scale(curve_scale)
        self._size = None if size is None else _check_size(size)
        self.landmarks, self.terminals = tuple(landmarks), tuple(terminals)
        self.cache_dir = Path(cache_dir).expanduser() if cache_dir else None

    def split(self, split: Split) -> Films[tuple[Split, int]]:
        """The films of one split, simulated when indexed."""
        numbers = [(split, index) for index in range(self._num_films.get(check_split(split), 0))]
        made_by = json.dumps(self._film_facts, sort_keys=True)
        return Films(numbers, lambda number: self.film(*number), lambda number: digest(made_by, *map(str, number)))

    @property
    def _film_facts(self) -> dict[str, Any]:
        """What a film depends on beside its split and index: not how many there are, nor what is learnt of them."""
        return {
            "version": GENERATOR_VERSION,
            "seed": self._seed,
            "size": self._size,
            "views": self._views,
            "scale": self._scale,
            "curve_scale": self._curve_scale,
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the arguments and `GENERATOR_VERSION`."""
        content = self._film_facts | {"num_films": self._num_films, "landmarks": self.landmarks, "terminals": self.terminals}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def training_films(self) -> str:
        """See `RadiographDataset.training_films`."""
        numbers = [self._num_films.get(split, 0) for split in ("train", "val")]
        return digest(self.name, json.dumps(self._film_facts, sort_keys=True), *map(str, numbers))

    @property
    def views(self) -> tuple[View, ...]:
        """See `RadiographDataset.views`."""
        return tuple(sorted(set(self._views)))

    def views_of(self, split: Split) -> tuple[View, ...]:
        """See `RadiographDataset.views_of`."""
        return tuple(sorted(set(self._views[: self._num_films.get(split, 0)])))

    def film(self, split: Split, index: int) -> Radiograph:
        """One film; depends on seed, size, views, scales, split and index, and on no other film. A few are of dark bone, untold."""
        rng = np.random.default_rng([self._seed, SPLITS.index(split), index])
        view = self._views[index % len(self._views)]
        film = simulate(view, rng, self._size, self._scale, self._curve_scale)
        film_id = f"{split}_{index:04d}"
        return Radiograph(film_id, film.pixels, film.vertebrae, view, film_id, film.spacing_mm)


def _check_num_films(num_films: Mapping[str, int]) -> dict[str, int]:
    for split, count in num_films.items():
        if split not in SPLITS or count < 0:
            raise ValueError(f"Expected `num_films` to give train, val or test a number of films, but got {split!r}: {count}.")
    return {str(split): int(count) for split, count in num_films.items()}


def _check_views(views: Sequence[str]) -> tuple[View, ...]:
    if not views or not set(views) <= set(VIEWS):
        raise ValueError(f"Expected `views` to be some of {', '.join(VIEWS)}, but got {list(views)}.")
    return tuple(View(view) for view in views)


def _check_scale(scale: float) -> float:
    if not 0 < scale < math.inf:
        raise ValueError(f"Expected `scale` to be a number above 0, but got {scale}.")
    return scale


def _check_size(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"Expected `size` to be height and width in pixels, such as [1500, 1900], but got {list(size)}.")
    return int(size[0]), int(size[1])


def _check_curve_scale(curve_scale: float) -> float:
    if not 0 <= curve_scale < math.inf:
        raise ValueError(f"Expected `curve_scale` to be a number of at least 0, but got {curve_scale}.")
    return curve_scale
