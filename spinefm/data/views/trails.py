"""The point predictor's view: runs of consecutive centroids, both ways along the spine."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spinefm.data.views.base import View, spine_centroids, spine_strides
from spinefm.data.views.sampling import ItemKey
from spinefm.data.views.surroundings import BEYOND
from spinefm.structures import Radiograph

FARTHEST = 0.6
"""How far off a training trail's centroid may be along either axis, in its last steps: farther, it is a neighbour's."""


class TrailBatch(NamedTuple):
    """N runs of k centroids and the one that follows.

    Attributes:
        centroids: (N, k, 2) float32 as (x, y), oldest first, pixels of the film.
        sizes: (N, 2) float32 as (width, height), pixels.
        targets: (N, 2) float32, the next centroid.
    """

    centroids: Tensor
    sizes: Tensor
    targets: Tensor


class TrailView(View[TrailBatch]):
    """Every run of k + 1 consecutive centroids, forwards and backwards; batches come whole, from `__getitems__`."""

    def __init__(
        self,
        films: Sequence[Radiograph],
        training: bool,
        seed: int,
        context: int,
        jitter: float,
        augment: bool = True,
        reframed: float = 0.0,
    ) -> None:
        """Make a view; see `View`.

        Args:
            films: Annotated films.
            training: See `View`.
            seed: See `View`.
            context: k.
            jitter: How far off a training trail's centroids are, in its last steps: a walk's centroids are estimates; see `astray`.
            augment: Whether training trails are varied: half of them are mirrored, and some reframed.
            reframed: Share, 0..1, of those that lie on a film that ends elsewhere; see `reframe`.

        Raises:
            ValueError: If no film has k + 1 vertebrae.
        """
        super().__init__(films, training, seed, augment)
        self.context, self.jitter, self.reframed = context, jitter, reframed
        runs = [(run, film.size[::-1], i) for i, film in enumerate(films) for run in _runs(film, context + 1)]
        if not runs:
            raise ValueError(f"Expected a film with at least {context + 1} vertebrae, but found none. Check the annotations.")
        self.runs = np.stack([run for run, *_ in runs])
        self.sizes = np.array([size for _, size, _ in runs], dtype=np.float64)
        self.run_films = [film for *_, film in runs]

    def __len__(self) -> int:
        return len(self.runs)

    def film_of(self, index: int) -> Radiograph:
        """See `View.film_of`."""
        return self.films[self.run_films[index]]

    def item(self, index: int, rng: np.random.Generator) -> TrailBatch:
        """See `View.item`; a batch of one."""
        return self._batch(np.array([index]), rng)

    def __getitems__(self, keys: list[ItemKey]) -> TrailBatch:
        """One batch at once: item by item, Python would cost far more than the network."""
        epoch = keys[0].epoch if self.training else 0
        return self._batch(np.array([key.index for key in keys]), np.random.default_rng((self.seed, epoch, keys[0].index)))

    def _batch(self, indices: np.ndarray, rng: np.random.Generator) -> TrailBatch:
        runs, sizes = self.runs[indices].copy(), self.sizes[indices]
        if self.augments:
            mirrored = rng.random(len(runs)) < 0.5
            runs[mirrored, :, 0] = sizes[mirrored, :1] - runs[mirrored, :, 0]
        if self.augments and self.reframed:
            chosen = rng.random(len(runs)) < self.reframed
            runs[chosen], sizes[chosen] = reframe(runs[chosen], sizes[chosen], rng)
        if self.training:
            step = np.linalg.norm(runs[:, -2] - runs[:, -3], axis=1)[:, None, None]
            runs[:, :-1] += astray(runs[:, :-1].shape, self.jitter, rng) * step
        tensors = (torch.from_numpy(array).float() for array in (runs[:, :-1], sizes, runs[:, -1]))
        return TrailBatch(*tensors)


def astray(shape: tuple[int, ...], jitter: float, rng: np.random.Generator) -> np.ndarray:
    """How far estimated centroids lie from the true ones, most of them close and a few far off: Student's t of two degrees of freedom.

    With `jitter` 0.04, half of the points of a plane lie within 0.06 and 95 % within 0.25; 0.06 and 0.23 it is for walks on AASCE's films.

    Args:
        shape: Of what is wanted.
        jitter: Its scale: three of five values lie within it.
        rng: Source of all randomness.

    Returns:
        Array of that shape, no value farther from 0 than `FARTHEST`.
    """
    return np.clip(jitter * rng.standard_t(2, shape), -FARTHEST, FARTHEST)


def reframe(runs: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same places on a film of a part of the spine, or of more.

    Its edges lie anywhere from the trail to `BEYOND` those of the true film. What comes after the trail may lie beyond them: a walk that
    leaves the film is to say so.

    Args:
        runs: (N, k + 1, 2) as (x, y), pixels: trails, and what comes after them.
        sizes: (N, 2) as (width, height), pixels.
        rng: Source of all randomness.

    Returns:
        Both on the new film.
    """
    trails = runs[:, :-1]
    first, last = rng.uniform(-BEYOND * sizes, trails.min(1)), rng.uniform(trails.max(1), (1 + BEYOND) * sizes)
    return runs - first[:, None], last - first


def _runs(film: Radiograph, length: int) -> list[np.ndarray]:
    """Every run of `length` consecutive centroids, and each of them reversed; none goes over a vertebra that is not annotated."""
    centroids, gaps = spine_centroids(film), np.array([0, *spine_strides(film)]) > 1
    starts = range(len(centroids) - length + 1)
    runs = [centroids[start : start + length] for start in starts if not gaps[start + 1 : start + length].any()]
    return runs + [run[::-1] for run in runs]
