"""What a data set of films has to offer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from spinefm.structures import Radiograph, Split


class RadiographDataset(ABC):
    """A data set of annotated films: one file that yields Radiographs, plus one YAML.

    Attributes:
        name: As in `dataset=<name>`.
        landmarks: Levels that the patch classifier tells apart from an ordinary vertebra.
        terminals: Those landmarks at which a walk along the spine ends, because nothing beyond them is annotated.
    """

    name: str
    landmarks: tuple[str, ...]
    terminals: tuple[str, ...]

    @abstractmethod
    def split(self, split: Split) -> Sequence[Radiograph]:
        """The films of one split, read when indexed, in a fixed order."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hexadecimal digest that changes when the films, annotations or splits do."""
