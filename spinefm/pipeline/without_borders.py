"""Films with empty borders, of which networks see few in training: they tell where on a spine they are by where on the film."""

from collections import deque
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
        offsets = deque[tuple[int, int]]()  # of the films under way

        def shown(film: Radiograph) -> Radiograph:
            box = content_box(film.pixels)
            offsets.append(box[:2])
            return _within(film, box)

        return (_on_whole(film, spine, offsets.popleft()) for film, spine in film_spines(self.pipeline, films, shown))


def _within(film: Radiograph, box: tuple[int, int, int, int]) -> Radiograph:
    x0, y0, x1, y1 = box
    if (y1 - y0, x1 - x0) == film.size:
        return film
    vertebrae = tuple(vertebra.moved(-x0, -y0) for vertebra in film.vertebrae)
    landmarks = tuple(replace(mark, point=(mark.point[0] - x0, mark.point[1] - y0)) for mark in film.landmarks)
    return replace(film, pixels=film.pixels[y0:y1, x0:x1], vertebrae=vertebrae, landmarks=landmarks)


def _on_whole(film: Radiograph, spine: Spine, offset: tuple[int, int]) -> Spine:
    return replace(spine, size=film.size, vertebrae=tuple(vertebra.moved(*offset) for vertebra in spine.vertebrae))
