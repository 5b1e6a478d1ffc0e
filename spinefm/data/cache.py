"""Films that are read once, shrunk, and kept: on disk, from where every process maps the same pages into its memory."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from rich.progress import track

from spinefm.data.dataset import Films, digest
from spinefm.data.shrink import shrink
from spinefm.files.torch_files import write_torch_file
from spinefm.structures import Landmark, Radiograph, Vertebra, View

logger = logging.getLogger(__name__)

VERSION = 5
"""Raise it whenever the same files give other films."""


class CachedFilms(Sequence[Radiograph]):
    """A sequence of films, each read once, shrunk and kept.

    A film's file is named by everything the film depends on: where that changes, so does the name, and the old file is no longer
    looked at. Nothing is ever removed; the folder may be deleted at any time.

    Args:
        films: Films that are read when indexed.
        max_side: Longest side of a film in pixels; longer films are shrunk. None keeps every size.
        folder: Where films are kept; None keeps them in memory, for this process only.

    Raises:
        ValueError: If `max_side` is not positive.
    """

    def __init__(self, films: Films[Any], max_side: int | None = None, folder: Path | None = None) -> None:
        if max_side is not None and max_side < 1:
            raise ValueError(f"Expected `max_side` to be at least 1 pixel or None, but got {max_side}.")
        self._films, self._max_side, self._folder = films, max_side, folder
        self._kept: list[Radiograph | None] = [None] * len(films)
        self._remarks: list[str] = []

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
            film = self._kept[index] = self._read(index) if self._folder is None else self._kept_on_disk(index, self._folder)
        return film

    def read_all(self, description: str) -> None:
        """Read every film, with a progress bar; done before processes fork, they share the films."""
        for index in track(range(len(self)), description, transient=True, disable=not len(self)):
            self[index]
        if self._remarks:
            logger.warning("%d films were mended when they were first read, such as: %s", len(self._remarks), self._remarks[0])

    def _read(self, index: int) -> Radiograph:
        return shrink(self._films[index], self._max_side)

    def _kept_on_disk(self, index: int, folder: Path) -> Radiograph:
        key = f"{self._films.key(index)} {self._max_side} {VERSION}"
        path = folder / "films" / f"{digest(key)}.pt"
        if path.is_file():
            try:
                film = load_film(path)
                self._remarks += film.remarks[:1]
                return film
            except Exception as error:  # The bytes of a damaged file may lead the unpickler to any exception.
                logger.warning("Cannot read `%s` (%s); the film is read again.", path, error)
        film = self._read(index)
        try:
            save_film(path, film)
        except (OSError, RuntimeError) as error:  # torch reports a full disk in its own way
            logger.warning("Cannot keep films in `%s` (%s); they are read again each time.", path.parent, error)
            self._folder = None
            return film
        return load_film(path)


def save_film(path: Path, film: Radiograph) -> None:
    """Write a film with its annotation, whole or not at all."""
    vertebrae = [(v.mask.shape, v.origin, v.centroid, v.level, v.confidence) for v in film.vertebrae]
    content = {
        "film": (film.film_id, film.view.value, film.patient_id, film.spacing_mm, film.reader),
        "remarks": list(film.remarks),
        "pixels": torch.from_numpy(film.pixels),
        # One tensor for all: each would take a page of the file.
        "masks": torch.from_numpy(np.concatenate([np.zeros(0, dtype=bool), *(v.mask.ravel() for v in film.vertebrae)])),
        "vertebrae": vertebrae,
        "landmarks": [(mark.level, mark.part, mark.point) for mark in film.landmarks],
        "cobb_angles": film.cobb_angles,
    }
    write_torch_file(path, content)


def load_film(path: Path) -> Radiograph:
    """Open what `save_film` wrote; pixels and masks stay on disk until they are looked at, and are shared between processes."""
    content = torch.load(path, mmap=True, weights_only=True)
    film_id, view, patient_id, spacing_mm, reader = content["film"]
    ends = np.cumsum([height * width for (height, width), *_ in content["vertebrae"]], dtype=int)
    masks = np.split(content["masks"].numpy(), ends)
    vertebrae = tuple(
        Vertebra(mask.reshape(shape), origin, centroid, level, confidence)
        for mask, (shape, origin, centroid, level, confidence) in zip(masks[:-1], content["vertebrae"], strict=True)
    )
    landmarks = tuple(Landmark(*mark) for mark in content["landmarks"])
    pixels, remarks = content["pixels"].numpy(), tuple(content["remarks"])
    angles = None if content["cobb_angles"] is None else tuple(content["cobb_angles"])
    return Radiograph(film_id, pixels, vertebrae, View(view), patient_id, spacing_mm, landmarks, remarks, angles, reader)
