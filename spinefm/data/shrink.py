"""Films kept in memory, shrunk to the size that training needs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.geometry import mask_to_vertebra
from spinefm.structures import Radiograph, Vertebra


class CachedFilms(Sequence[Radiograph]):
    """A sequence of films, each read once, shrunk and kept.

    Args:
        films: Films that are read when indexed.
        max_side: Longest side of a film in pixels; longer films are shrunk. None keeps every size.

    Raises:
        ValueError: If `max_side` is not positive.
    """

    def __init__(self, films: Sequence[Radiograph], max_side: int | None = None) -> None:
        if max_side is not None and max_side < 1:
            raise ValueError(f"Expected `max_side` to be at least 1 pixel or None, but got {max_side}.")
        self._films = films
        self._max_side = max_side
        self._kept: list[Radiograph | None] = [None] * len(films)

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, index: int) -> Radiograph: ...
    @overload
    def __getitem__(self, index: slice) -> list[Radiograph]: ...
    def __getitem__(self, index: int | slice) -> Radiograph | list[Radiograph]:
        """One film or several; IndexError beyond the end."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        film = self._kept[index]
        if film is None:
            film = shrink(self._films[index], self._max_side)
            self._kept[index] = film
        return film

    @property
    def memory_bytes(self) -> int:
        """Size of the pixels and masks kept so far."""
        kept = [film for film in self._kept if film is not None]
        return sum(film.pixels.nbytes + sum(vertebra.mask.nbytes for vertebra in film.vertebrae) for film in kept)


def shrink(film: Radiograph, max_side: int | None) -> Radiograph:
    """The film and its annotations at a size of at most `max_side` pixels; unchanged where it is no larger.

    Vertebrae without a pixel left are dropped.
    """
    height, width = film.size
    if max_side is None or max(height, width) <= max_side:
        return film
    factor = max_side / max(height, width)
    small = max(1, round(width * factor)), max(1, round(height * factor))
    pixels = np.asarray(cv2.resize(film.pixels, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Whole pixels make the two axes shrink by slightly different factors; points follow the pixels exactly.
    scale = small[0] / width, small[1] / height
    vertebrae = tuple(shrunk for vertebra in film.vertebrae if (shrunk := _shrink_vertebra(vertebra, scale)) is not None)
    spacing_mm = film.spacing_mm / factor if film.spacing_mm is not None else None
    return replace(film, pixels=pixels, vertebrae=vertebrae, spacing_mm=spacing_mm)


def _shrink_vertebra(vertebra: Vertebra, scale: tuple[float, float]) -> Vertebra | None:
    """Keep each small pixel of which at least half was covered."""
    (x_scale, y_scale), (x0, y0, x1, y1) = scale, vertebra.box
    columns, rows = _shares(x0, x1, x_scale), _shares(y0, y1, y_scale)
    covered = rows @ vertebra.mask.astype(np.float64) @ columns.T
    origin = int(x0 * x_scale), int(y0 * y_scale)
    x, y = vertebra.centroid
    # The tolerance keeps exactly half covered pixels on every processor, whatever its rounding.
    return mask_to_vertebra(covered >= 0.5 - 1e-9, origin, (x * x_scale, y * y_scale), vertebra.level, vertebra.confidence)


def _shares(start: int, stop: int, scale: float) -> NDArray[np.float64]:
    """(small, stop - start): the share of each small pixel that lies in each pixel from `start` to `stop` along one axis.

    The first small pixel is number int(start * scale).
    """
    edges = np.arange(start, stop + 1) * scale
    small = np.arange(int(start * scale), int(np.ceil(stop * scale)))[:, None]
    shares: NDArray[np.float64] = np.clip(np.minimum(edges[1:], small + 1) - np.maximum(edges[:-1], small), 0.0, None)
    return shares
