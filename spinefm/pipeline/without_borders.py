"""Films with empty borders, of which networks see few in training: they tell where on a spine they are by where on the film."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from spinefm.geometry.borders import content_box
from spinefm.pipeline.protocols import SpinePipeline, film_spines
from spinefm.structures import Radiograph, Spine


class WithoutBorders(SpinePipeline):
    """A pipeline that sees films without their empty borders; what it finds is told in pixels of the whole film.

    Args:
        pipeline: Finds the spines.
    """

    def __init__(self, pipeline: SpinePipeline) -> None:
        self.pipeline = pipeline

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """See `SpinePipeline`."""
        return (_on_whole(film, spine) for film, spine in film_spines(self.pipeline, films, _within_borders))


def _within_borders(film: Radiograph) -> Radiograph:
    x0, y0, x1, y1 = content_box(film.pixels)
    if (y1 - y0, x1 - x0) == film.size:
        return film
    vertebrae = tuple(vertebra.moved(-x0, -y0) for vertebra in film.vertebrae)
    landmarks = tuple(replace(mark, point=(mark.point[0] - x0, mark.point[1] - y0)) for mark in film.landmarks)
    return replace(film, pixels=film.pixels[y0:y1, x0:x1], vertebrae=vertebrae, landmarks=landmarks)


def _on_whole(film: Radiograph, spine: Spine) -> Spine:
    if spine.size == film.size:
        return spine
    x, y, _, _ = content_box(film.pixels)
    return replace(spine, size=film.size, vertebrae=tuple(vertebra.moved(x, y) for vertebra in spine.vertebrae))
