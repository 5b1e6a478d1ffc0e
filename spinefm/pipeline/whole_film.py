"""The plainest baseline: all vertebrae of a film by one network at once, levels by counting."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import ClassVar

import cv2
import numpy as np
from torch import Tensor

from spinefm.anatomy import levels_between
from spinefm.geometry.centroids import centroids_of, principal_axis_order
from spinefm.geometry.masks import mask_to_vertebra
from spinefm.geometry.separation import grown_parts
from spinefm.options import check_shares
from spinefm.pipeline.protocols import FilmSegmenter, SpinePipeline
from spinefm.structures import Failure, Radiograph, Spine, Vertebra


class WholeFilmPipeline(SpinePipeline):
    """Segment the film; each connected component is a vertebra, and the uppermost one has the first level.

    Confidences are mean probabilities of the mask; they say nothing of the level.

    Attributes:
        components: Names of the components it is made of, as its constructor calls them.
        any_film: Whether films may have empty borders, or bone that is dark; see `WithoutBorders` and `EitherPolarity`.
    """

    components: ClassVar[tuple[str, ...]] = ("unet",)
    any_film: ClassVar[bool] = True

    def __init__(
        self,
        unet: FilmSegmenter,
        mask_threshold: float = 0.5,
        min_area_share: float = 0.3,
        levels: Sequence[str] | None = ("T1", "L5"),
    ) -> None:
        """Put the pipeline together.

        Args:
            unet: Draws the vertebrae of a film.
            mask_threshold: Probability above which a pixel belongs to a vertebra.
            min_area_share: Components smaller than this share of the film's median one are dropped, 0..1.
            levels: Upper and lower end of the spines that the films show. Vertebrae are counted from the upper one; what is found
                beyond the lower one is kept, with no level, for its mask may be right. None names nothing.

        Raises:
            ValueError: If `levels` are not two usual levels, from head to foot, or an option is not 0..1.
        """
        if levels is not None and len(levels) != 2:
            raise ValueError(f"Expected `levels` to be an upper and a lower end, but got {list(levels)}. Give two, such as [T1, L5].")
        check_shares(mask_threshold=mask_threshold, min_area_share=min_area_share)
        self.segmenter, self.mask_threshold, self.min_area_share = unet, mask_threshold, min_area_share
        self.levels = levels_between(*levels) if levels is not None else ()

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """See `SpinePipeline`."""
        return (self._spine(film, *self.segmenter.segment_films([film])) for film in films)

    def _spine(self, film: Radiograph, probabilities: Tensor) -> Spine:
        parts = grown_parts(probabilities.numpy(), self.mask_threshold, self.segmenter.margin, self.min_area_share)
        size = probabilities.shape[0], probabilities.shape[1]
        found = [vertebra for part in parts if (vertebra := on_film(part, size, film.size)) is not None]
        if not found:
            return Spine(film.film_id, film.size, failure=Failure.TOO_FEW_DETECTIONS)
        ordered = (found[i] for i in principal_axis_order(centroids_of(found)))
        named = zip(ordered, chain(self.levels, repeat(None)), strict=False)
        return Spine(film.film_id, film.size, tuple(replace(vertebra, level=level) for vertebra, level in named))


def on_film(part: Vertebra, map_size: tuple[int, int], film_size: tuple[int, int]) -> Vertebra | None:
    """Bring a vertebra from a map that covers the film to the film, its border interpolated.

    Args:
        part: In pixels of the map.
        map_size: (H, W) of the map.
        film_size: (H, W) of the film.

    Returns:
        In pixels of the film; None if it is smaller than one.
    """
    x_scale, y_scale = film_size[1] / map_size[1], film_size[0] / map_size[0]
    x0, y0, x1, y1 = part.box
    left, top = int(x0 * x_scale), int(y0 * y_scale)
    right, bottom = int(np.ceil(x1 * x_scale)), int(np.ceil(y1 * y_scale))
    # The centre of pixel c lies at c + 0.5, on the film and on the map.
    back = np.array([[1 / x_scale, 0, (left + 0.5) / x_scale - 0.5 - x0], [0, 1 / y_scale, (top + 0.5) / y_scale - 0.5 - y0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    covered = cv2.warpAffine(part.mask.astype(np.float32), back, (right - left, bottom - top), flags=flags)
    return mask_to_vertebra(covered >= 0.5, (left, top), confidence=part.confidence)
