"""The view of a network that segments whole films: every film in the same frame, with one mask of all its vertebrae."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spinefm.data.views.augmentation import augment
from spinefm.data.views.base import View
from spinefm.data.views.detection import MAX_ROTATION, MAX_ZOOM
from spinefm.geometry.letterbox import Letterbox
from spinefm.geometry.masks import paint
from spinefm.geometry.separation import drawn_apart
from spinefm.structures import Radiograph


class FilmMaskView(View[tuple[Tensor, Tensor]]):
    """Items are (film, mask).

    film is (1, H, W) float32 in 0..1, black beside the film; mask (H, W) float32, 1 in vertebrae that are drawn apart, else 0.
    """

    def __init__(
        self, films: Sequence[Radiograph], training: bool, seed: int, frame_size: tuple[int, int], margin: int, augment: bool = True
    ) -> None:
        """Make a view; see `View`.

        Args:
            films: Annotated films of any size.
            training: See `View`.
            seed: See `View`.
            frame_size: (H, W) to which every film is brought, in its proportions.
            margin: See `drawn_apart`, pixels of the frame.
            augment: See `View`.
        """
        super().__init__(films, training, seed, augment)
        self.frame_size, self.margin = frame_size, margin

    def __len__(self) -> int:
        return len(self.films)

    def film_of(self, index: int) -> Radiograph:
        """See `View.film_of`."""
        return self.films[index]

    def item(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """See `View.item`. Everything that costs time is done in the frame, and with one mask."""
        film = self.films[index]
        letterbox = Letterbox(film.size, self.frame_size)
        pixels, mask = letterbox.film(film.pixels), drawn_apart(letterbox.labels(vertebra_labels(film)), self.margin)
        if self.augments:
            pixels, (mask,) = augment(pixels, [mask], rng, MAX_ROTATION, MAX_ZOOM)
        return torch.from_numpy(pixels)[None].float() / 255, torch.from_numpy(mask).float()


def vertebra_labels(film: Radiograph) -> NDArray[np.uint8]:
    """(H, W) of the film: 1, 2, ... in its vertebrae from head to foot, 0 elsewhere; where two overlap, the lower one wins."""
    labels = np.zeros(film.size, dtype=np.uint8)
    for number, vertebra in enumerate(film.vertebrae):
        paint(labels, vertebra, 1 + number % 255)
    return labels
