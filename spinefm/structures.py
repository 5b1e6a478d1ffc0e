"""What every layer shares: a film, a vertebra on it, and the spine a pipeline found.

Coordinate frame, everywhere in this package: (x, y) in pixels of the original film, x to the right and y down,
continuous, so that a film of H rows and W columns spans [0, W] x [0, H] and the centre of pixel (row r, column c)
lies at (c + 0.5, r + 0.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Point = tuple[float, float]
CobbAngles = tuple[float, float, float]
"""The largest Cobb angle of a film and two more, degrees, by the rule of `spinefm.measurements.challenge`."""
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

CENTROID = "centroid"
"""The part of a vertebra that a landmark names its centre."""


class View(StrEnum):
    """How the film was taken."""

    LATERAL_CERVICAL = "lateral_cervical"
    LATERAL_LUMBAR = "lateral_lumbar"
    LATERAL = "lateral"  # of which part of the spine, is not said
    AP_SPINE = "ap_spine"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Which way along the spine."""

    UP = "up"
    DOWN = "down"


class StopReason(StrEnum):
    """Why a walk along the spine ended."""

    LANDMARK = "landmark"
    BACKGROUND = "background"
    OVERLAP = "overlap"
    EMPTY_MASK = "empty_mask"
    IRREGULAR_STEP = "irregular_step"
    BORDER = "border"
    MAX_STEPS = "max_steps"


class Failure(StrEnum):
    """Why a film yielded no spine."""

    TOO_FEW_DETECTIONS = "too_few_detections"
    BASE_CASE_REJECTED = "base_case_rejected"

    @property
    def sentence(self) -> str:
        """For a person to read."""
        return f"No spine was found: {_WHY[self]}."


_WHY = {
    Failure.TOO_FEW_DETECTIONS: "too few vertebrae were detected to begin with",
    Failure.BASE_CASE_REJECTED: "of the vertebrae that were detected, no neighbours were sound enough to begin with",
}


class PatchBox(NamedTuple):
    """A square patch of a film: its top-left pixel (x, y) and its side, whole pixels; may reach over the border."""

    x: int
    y: int
    side: int


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One vertebra of a film, annotated or predicted.

    Attributes:
        mask: (h, w), cropped to the vertebra; h and w at least 1.
        origin: (x, y) pixel of the film at which the mask's top-left pixel lies.
        centroid: (x, y), pixels of the original film.
        level: Anatomical name ("C2", "T11", ...); None where unknown.
        confidence: 0..1, how much to trust mask and level together; 1 for annotations.
    """

    mask: Mask
    origin: tuple[int, int]
    centroid: Point
    level: str | None = None
    confidence: float = 1.0

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) around the mask, pixels of the original film, x1 and y1 exclusive."""
        (x, y), (height, width) = self.origin, self.mask.shape
        return x, y, x + width, y + height

    @cached_property
    def area(self) -> int:
        """Of the mask, pixels of the original film."""
        return int(np.count_nonzero(self.mask))

    def moved(self, x: int, y: int) -> "Vertebra":
        """The same, so many pixels to the right and down."""
        return replace(self, origin=(self.origin[0] + x, self.origin[1] + y), centroid=(self.centroid[0] + x, self.centroid[1] + y))


@dataclass(frozen=True)
class Landmark:
    """An annotated point of a vertebra of which no mask is annotated, such as C2 in CSXA.

    Attributes:
        level: Anatomical name of the vertebra.
        part: Which point of it: `CENTROID`, or a corner such as "bottom left", sides as seen on the film.
        point: (x, y), pixels of the original film.
    """

    level: str
    part: str
    point: Point


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film, with its annotations where there are any.

    Attributes:
        film_id: Unique within its data set; safe as a file name.
        pixels: (H, W), display window already applied; bone bright, but on a few simulated films.
        vertebrae: From head to foot; empty where the film is not annotated.
        view: Projection and region.
        patient_id: Films of one patient never stand in two splits.
        spacing_mm: Side of a pixel in the patient's plane; None where unknown.
        landmarks: Points of vertebrae that have no mask.
        remarks: What was mended when it was read.
        cobb_angles: Known Cobb angles; None where there are none.
        reader: Who annotated it, or as whose it is to be read: whose outlines are asked for, and as whose films are framed; None where
            nobody in particular.
    """

    film_id: str
    pixels: Pixels
    vertebrae: tuple[Vertebra, ...] = ()
    view: View = View.UNKNOWN
    patient_id: str = ""
    spacing_mm: float | None = None
    landmarks: tuple[Landmark, ...] = ()
    remarks: tuple[str, ...] = ()
    cobb_angles: CobbAngles | None = None
    reader: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        height, width = self.pixels.shape
        return height, width


@dataclass(frozen=True, eq=False)
class Spine:
    """What a pipeline found on one film.

    Attributes:
        film_id: The film's.
        size: (H, W) of the film, pixels.
        vertebrae: From head to foot; empty on failure.
        failure: Why there is no spine; None where there is one.
        stops: Why the walk in each direction ended; empty for pipelines that do not walk.
        turned_over: Whether it was found with the film's grey values turned over, because its bone is dark.
    """

    film_id: str
    size: tuple[int, int]
    vertebrae: tuple[Vertebra, ...] = ()
    failure: Failure | None = None
    stops: dict[Direction, StopReason] = field(default_factory=dict)
    turned_over: bool = False


@dataclass(frozen=True, eq=False)
class Detections:
    """Rough vertebrae of one film, best score first.

    Attributes:
        vertebrae: D vertebrae without levels; `confidence` is the detection score.
    """

    vertebrae: tuple[Vertebra, ...]


@dataclass(frozen=True, eq=False)
class Patches:
    """N square patches, cut from one or several films, as a classifier or segmenter sees them.

    Attributes:
        pixels: (N, 1, S, S) float32 in 0..1, S the input size of the network; 0 outside the film.
        boxes: N places they were cut from, pixels of the original films.
        spacings: N distances of neighbouring vertebrae thereabouts, pixels of the original films.
        film_ids: N ids; a network ignores them, an oracle looks the truth up by them.
        leans: N angles by which the spine leans thereabouts, see `spinefm.geometry.centroids.lean_of`.
        readers: N readers whose outlines are asked for, see `Radiograph`; None for those of no one in particular.
    """

    pixels: Tensor
    boxes: tuple[PatchBox, ...]
    spacings: tuple[float, ...]
    film_ids: tuple[str, ...]
    leans: tuple[float, ...]
    readers: tuple[str | None, ...]

    def select(self, indices: Sequence[int]) -> "Patches":
        """Some of them."""
        listed = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "pixels"}
        return Patches(self.pixels[list(indices)], **{name: tuple(values[i] for i in indices) for name, values in listed.items()})


@dataclass(frozen=True, eq=False)
class Trails:
    """N walks, each known by its last k centroids, as a point predictor sees them.

    Attributes:
        centroids: (N, k, 2) float32 (x, y), oldest first, pixels of the original films.
        sizes: (N, 2) float32 (width, height) of the films.
        film_ids: N ids; a network ignores them, an oracle looks the truth up by them.
    """

    centroids: Tensor
    sizes: Tensor
    film_ids: tuple[str, ...]
