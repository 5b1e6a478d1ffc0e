"""What a pipeline asks of its components; everything batch first, so that networks and oracles are interchangeable."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from spinefm.geometry.framing import Framing
from spinefm.geometry.patches import PatchRule
from spinefm.structures import Detections, Patches, Radiograph, Spine, Trails


class Detector(Protocol):
    """Finds rough vertebrae on films, or on parts of them."""

    def detect(self, films: Sequence[Radiograph]) -> list[Detections]:
        """One set of detections per film."""
        ...


class PatchNetwork(Protocol):
    """Looks at patches of films."""

    @property
    def input_size(self) -> int:
        """S of the patches it sees."""
        ...

    @property
    def patch_rule(self) -> PatchRule:
        """How much of the film it sees."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its patches are brought to their size, and where it gets them."""
        ...


class Classifier(PatchNetwork, Protocol):
    """Tells what stands in the middle of a patch."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes: "background", "vertebra" and landmark levels."""
        ...

    @property
    def terminals(self) -> tuple[str, ...]:
        """Landmark levels that end a walk."""
        ...

    @property
    def framings(self) -> Mapping[str, Framing]:
        """By reader, where the first and the last terminal lie on their films; only of those of whom it has been learnt."""
        ...

    def classify(self, patches: Patches) -> Tensor:
        """(N, K) probabilities, on the CPU."""
        ...


class NextPoint(Protocol):
    """Predicts where a walk along the spine goes on."""

    @property
    def context(self) -> int:
        """k, how many centroids it sees."""
        ...

    def predict_next(self, trails: Trails) -> Tensor:
        """(N, 2) as (x, y), pixels of each trail's film."""
        ...


class Segmenter(PatchNetwork, Protocol):
    """Draws the vertebra in the middle of a patch."""

    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits, on the CPU, L of the network's choice: they cover the whole patch."""
        ...


class FilmSegmenter(Protocol):
    """Draws all vertebrae of a film at once, each apart from its neighbours."""

    @property
    def margin(self) -> int:
        """By how much it draws them too small on every side, pixels of its maps."""
        ...

    def segment_films(self, films: Sequence[Radiograph]) -> list[Tensor]:
        """(h, w) probabilities of each film, on the CPU, h and w of the network's choice: they cover the whole film."""
        ...


class SpinePipeline(Protocol):
    """Finds the spine on films."""

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """One spine per film, in the order given; annotations of the films are not looked at, but for who is to be their reader.

        Films are taken when there is room for them, so that there may be more than memory holds.
        """
        ...

    def __call__(self, films: Iterable[Radiograph]) -> list[Spine]:
        """All of `stream`."""
        return list(self.stream(films))


def film_spines(
    pipeline: SpinePipeline, films: Iterable[Radiograph], shown: Callable[[Radiograph], Radiograph] | None = None
) -> Iterator[tuple[Radiograph, Spine]]:
    """Each film with its spine, in the order given; films are kept until then and no longer.

    Args:
        pipeline: Finds the spines.
        films: Any number.
        shown: What the pipeline is given of a film; None gives it the film.
    """
    waiting = deque[Radiograph]()

    def taken() -> Iterator[Radiograph]:
        for film in films:
            waiting.append(film)
            yield shown(film) if shown else film

    for spine in pipeline.stream(taken()):
        yield waiting.popleft(), spine
