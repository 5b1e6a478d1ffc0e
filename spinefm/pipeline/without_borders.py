"""Films with empty borders, of which networks see few in training: they tell where on a spine they are by where on the film."""

from collections import deque
from collections.abc import Iterable, Iterator

from spinefm.geometry.borders import content_box
from spinefm.pipeline.cropping import Part, cropped, on_whole
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
        parts = deque[Part]()  # of the films under way

        def shown(film: Radiograph) -> Radiograph:
            parts.append(content_box(film.pixels))
            return cropped(film, parts[-1])

        return (on_whole(film, spine, parts.popleft()) for film, spine in film_spines(self.pipeline, films, shown))
