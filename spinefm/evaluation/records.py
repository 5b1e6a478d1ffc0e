"""What evaluation remembers of a film once its pixels are gone: one light row per vertebra."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from spinefm.anatomy import steps_between
from spinefm.evaluation.angles import AngleRecord, record_angles
from spinefm.evaluation.matching import OURS, Protocol, match_vertebrae
from spinefm.evaluation.surface import surface_distances
from spinefm.geometry.centroids import centroids_of, local_spacings
from spinefm.measurements.spine import measure_spine
from spinefm.structures import CENTROID, Direction, Failure, Landmark, Point, Radiograph, Spine, StopReason, Vertebra, View

LANDMARK_MARGIN = 0.1
"""How far beyond a predicted vertebra's box its landmarks may lie, in its longer sides: corners lie on the edge of a mask."""

MAX_RELATIVE_SIZE = 1.5
"""Longest side of a mask on a landmark, in longest sides of the film's true vertebrae."""

NEAR_MM = 20.0
"""How far a centroid may lie from the true one. Source: VerSe."""


@dataclass(frozen=True)
class VertebraRecord:
    """A true vertebra, a predicted one, or both where they were matched.

    Attributes:
        true_level: Annotated level; None where unknown or where the row is a false positive.
        predicted_level: Level the pipeline gave; None where unknown or missed.
        dice: Of the matched masks; None unless matched.
        confidence: Of the prediction; None where missed.
        true_centroid: (x, y), pixels of the original film; None for a false positive.
        predicted_centroid: (x, y), pixels of the original film; None where missed.
        hd95: See `surface_distances`, pixels of the original film; None unless matched.
        surface_distance: Likewise, the mean.
        found_by_centroid: Whether the level is right by centroids alone; see `found_by_centroid`. None unless the true level is known.
    """

    true_level: str | None = None
    predicted_level: str | None = None
    dice: float | None = None
    confidence: float | None = None
    true_centroid: Point | None = None
    predicted_centroid: Point | None = None
    hd95: float | None = None
    surface_distance: float | None = None
    found_by_centroid: bool | None = None

    @property
    def is_true(self) -> bool:
        """Whether the row stands for an annotated vertebra; otherwise it is a false positive."""
        return self.true_centroid is not None

    @property
    def identified(self) -> bool:
        """Whether a prediction was matched to this true vertebra."""
        return self.dice is not None

    @property
    def centroid_error(self) -> float | None:
        """Distance of the two centroids, pixels of the original film; None unless matched."""
        if self.dice is None or self.true_centroid is None or self.predicted_centroid is None:
            return None
        return math.dist(self.true_centroid, self.predicted_centroid)

    @property
    def labelled(self) -> bool:
        """Whether it is identified and carries the right level."""
        return self.identified and self.true_level is not None and self.true_level == self.predicted_level


@dataclass(frozen=True)
class FilmRecord:
    """The outcome on one film.

    Attributes:
        film_id: The film's.
        view: Its projection and region.
        patient_id: Films of one patient are not independent.
        spacing_mm: Side of a pixel in the patient's plane; None where unknown.
        failure: Why there is no spine; None where there is one.
        stops: Why the walk in each direction ended.
        vertebrae: True ones from head to foot, then false positives.
        spurious_counted: Whether false positives are held against a pipeline.
        angles: Known and found Cobb angles; None where none are known.
        reader: See `Radiograph`.
    """

    film_id: str
    view: View
    patient_id: str = ""
    spacing_mm: float | None = None
    failure: Failure | None = None
    stops: dict[Direction, StopReason] = field(default_factory=dict)
    vertebrae: tuple[VertebraRecord, ...] = ()
    spurious_counted: bool = True
    angles: AngleRecord | None = None
    reader: str | None = None

    @property
    def true_vertebrae(self) -> tuple[VertebraRecord, ...]:
        """Rows of annotated vertebrae."""
        return tuple(row for row in self.vertebrae if row.is_true)

    @property
    def num_false_positives(self) -> int:
        """Predictions that match no true vertebra."""
        return len(self.vertebrae) - len(self.true_vertebrae)


def record_film(radiograph: Radiograph, spine: Spine, protocol: Protocol = OURS) -> FilmRecord:
    """Match what was found on a film with its annotations.

    A prediction on the centroid, or on all corners, of a vertebra that is annotated without a mask, such as C2 in CSXA and S1 in
    BUU-LSPINE, is neither right nor wrong: it has no row, unless it is called another level. One prediction at most is excused for each.

    Args:
        radiograph: Film with annotations.
        spine: What a pipeline found on it; empty with a failure counts every true vertebra as missed.
        protocol: What counts as found.

    Raises:
        ValueError: If the film is not annotated, or `spine` is of another film or size.
    """
    _check_pair(radiograph, spine)
    matching = match_vertebrae(radiograph.vertebrae, spine.vertebrae, protocol)
    partners = {pair.truth: pair for pair in matching.pairs}
    by_centroid = found_by_centroid(radiograph, spine.vertebrae)
    rows = []
    for index, truth in enumerate(radiograph.vertebrae):
        pair = partners.get(index)
        row = _matched(truth, spine.vertebrae[pair.predicted], pair.dice) if pair else _record(truth, None)
        rows.append(replace(row, found_by_centroid=by_centroid[index]))
    if protocol.count_spurious:
        excused = _on_landmarks([spine.vertebrae[index] for index in matching.spurious], radiograph)
        rows.extend(_record(None, spine.vertebrae[index]) for index, its in zip(matching.spurious, excused, strict=True) if not its)
    return FilmRecord(
        radiograph.film_id,
        radiograph.view,
        radiograph.patient_id or radiograph.film_id,
        radiograph.spacing_mm,
        spine.failure,
        dict(spine.stops),
        tuple(rows),
        protocol.count_spurious,
        _angles(radiograph, spine),
        radiograph.reader,
    )


def _angles(radiograph: Radiograph, spine: Spine) -> AngleRecord | None:
    """None where no angles are known, and then nothing is measured."""
    if radiograph.cobb_angles is None:
        return None
    return record_angles(radiograph.cobb_angles, measure_spine(spine.vertebrae, radiograph.view), radiograph.size[0])


def found_by_centroid(film: Radiograph, found: Sequence[Vertebra]) -> list[bool | None]:
    """Which true vertebrae have a prediction of their level that is near, and nearer to them than to any other true one.

    Near is within 20 mm where the film's spacing is known, else within half the distance of neighbouring vertebrae there, or half the
    size of the only one. Of several predictions of one level the most confident one counts.

    Returns:
        One per true vertebra; None where its level is unknown.

    Source: the identification rate of VerSe (Sekuboyina et al., Medical Image Analysis 2021), which is about centroids, not masks.
    """
    truth = centroids_of(film.vertebrae)
    strides = [steps_between(upper.level, lower.level) for upper, lower in pairwise(film.vertebrae)]
    spacings = local_spacings(truth, strides) if len(truth) > 1 else [_longer_side(vertebra) for vertebra in film.vertebrae]
    # A vertebra of which only the centroid is annotated may be the nearest one, too.
    truth = np.array([*truth, *(mark.point for mark in film.landmarks if mark.part == CENTROID)])
    best = {vertebra.level: vertebra for vertebra in sorted(found, key=lambda vertebra: vertebra.confidence)}
    answers: list[bool | None] = []
    for index, vertebra in enumerate(film.vertebrae):
        reach = NEAR_MM / film.spacing_mm if film.spacing_mm else spacings[index] / 2
        distances = np.linalg.norm(truth - best[vertebra.level].centroid, axis=1) if vertebra.level in best else None
        right = distances is not None and int(distances.argmin()) == index and distances[index] <= reach
        answers.append(None if vertebra.level is None else bool(right))
    return answers


def _on_landmarks(spurious: Sequence[Vertebra], film: Radiograph) -> list[bool]:
    """Which predictions are vertebrae of which only points are annotated: really there, but without a mask to compare with.

    At most one for each level, the nearest one of a plausible size.
    """
    excused = [False] * len(spurious)
    largest = MAX_RELATIVE_SIZE * max(_longer_side(vertebra) for vertebra in film.vertebrae)
    for level, points in _decisive_points(film.landmarks).items():
        x, y = np.mean(points, axis=0)
        possible = [i for i, found in enumerate(spurious) if found.level in (None, level) and _longer_side(found) <= largest]
        near = [i for i in possible if all(_is_near(spurious[i], point) for point in points)]
        if near:
            excused[min(near, key=lambda i: math.dist(spurious[i].centroid, (x, y)))] = True
    return excused


def _decisive_points(landmarks: Sequence[Landmark]) -> dict[str, list[Point]]:
    """The points of each level that say where its vertebra is: a centroid, else two corners at least, the ends of an endplate."""
    decisive = {}
    for level in sorted({mark.level for mark in landmarks}):
        marks = [mark for mark in landmarks if mark.level == level]
        centroids = [mark.point for mark in marks if mark.part == CENTROID]
        if centroids or len(marks) > 1:
            decisive[level] = centroids or [mark.point for mark in marks]
    return decisive


def _longer_side(vertebra: Vertebra) -> int:
    return int(max(vertebra.mask.shape))


def _is_near(vertebra: Vertebra, point: Point) -> bool:
    (x0, y0, x1, y1), (x, y) = vertebra.box, point
    margin = LANDMARK_MARGIN * max(x1 - x0, y1 - y0)
    return x0 - margin <= x <= x1 + margin and y0 - margin <= y <= y1 + margin


def _check_pair(radiograph: Radiograph, spine: Spine) -> None:
    if not radiograph.vertebrae:
        raise ValueError(
            f"Expected film `{radiograph.film_id}` to be annotated, but it has no vertebrae. "
            "Evaluate on annotated films only; use `python infer.py` for films without annotations."
        )
    if radiograph.film_id != spine.film_id:
        raise ValueError(f"Expected the spine of film `{radiograph.film_id}`, but got that of `{spine.film_id}`. Pass them pairwise.")
    if radiograph.size != spine.size:
        raise ValueError(
            f"Expected the spine of film `{spine.film_id}` to be of size (H, W) = {radiograph.size}, but got {spine.size}. "
            "Run the pipeline on the film that is evaluated, not on a resized copy."
        )


def _matched(truth: Vertebra, predicted: Vertebra, dice: float) -> VertebraRecord:
    hd95, surface_distance = surface_distances(truth, predicted)
    return replace(_record(truth, predicted), dice=dice, hd95=hd95, surface_distance=surface_distance)


def _record(truth: Vertebra | None, predicted: Vertebra | None) -> VertebraRecord:
    return VertebraRecord(
        true_level=truth.level if truth else None,
        predicted_level=predicted.level if predicted else None,
        confidence=predicted.confidence if predicted else None,
        true_centroid=truth.centroid if truth else None,
        predicted_centroid=predicted.centroid if predicted else None,
    )
