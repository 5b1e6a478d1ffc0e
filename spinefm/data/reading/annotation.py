"""An annotation under construction: polygons, corners and points, by level, become vertebrae and landmarks."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinefm.anatomy import LEVELS, VERTEBRA, level_index
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.corners import CORNERS, is_collapsed, is_ring, ordered_ring
from spinefm.data.reading.outlines import outline_faults
from spinefm.geometry.centroids import principal_axis_order
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.structures import CENTROID, Landmark, Point, Vertebra

PARTS = (CENTROID, *CORNERS)
POINTS_ONLY = ("C2", "S1")
"""Levels of which single points are annotated where the mask is not; of any other level, points without a body are a mistake."""


class Annotation(NamedTuple):
    """What is annotated on one film.

    Attributes:
        vertebrae: In any order.
        landmarks: See `Radiograph`.
    """

    vertebrae: Sequence[Vertebra]
    landmarks: Sequence[Landmark] = ()


class Label(NamedTuple):
    """What a label says.

    Attributes:
        level: Anatomical name; None for a vertebra of unknown level.
        part: One of `PARTS`; None for the whole vertebra.
    """

    level: str | None
    part: str | None = None


def parse_label(text: str, path: Path) -> Label:
    """Read a label such as "C3", "l1", "vertebra", "C3 top left" or "C2 centroid".

    Raises:
        DataError: If it is none.
    """
    first, _, part = plain_words(text).partition(" ")
    level = first.upper()
    if level in LEVELS and (not part or part in PARTS):
        return Label(level, part or None)
    if first == VERTEBRA and not part:
        return Label(None)
    expected = f"to use labels such as C3, L1, vertebra, or a level and {', '.join(PARTS)}"
    raise DataError(Problem(path, expected, repr(text), "Correct the label."))


def plain_words(text: str) -> str:
    """A name in lower case, its words apart by one blank: "Top_Left" and "top-left" are "top left"."""
    return re.sub(r"[\s_-]+", " ", text.strip().lower())


def corners_to_vertebra(
    corners: Sequence[tuple[str, Point]], level: str | None, size: tuple[int, int], path: Path, report: Report
) -> Vertebra:
    """Make a mask of four named corners, mending what leaves no doubt: a name given twice, or names in another order.

    Args:
        corners: Names, from `CORNERS`, and points.
        level: See `Vertebra`.
        size: (H, W) of the film.
        path: The annotation, for the report.
        report: Takes what was mended.

    Raises:
        DataError: If they are not the corners of a vertebra.
    """
    ring, doubtful = _ring(corners, path, level)
    if doubtful or not is_ring(ring):
        ring = ordered_ring(ring)
        report(_fault(path, level, "each of its corners under its own name", "two with one name or exchanged", "It was mended.", False))
    vertebra = None if is_collapsed(ring) else polygon_to_vertebra(ring, size, level)
    if vertebra is None:
        raise DataError(_fault(path, level, "corners around its body, on the film", f"{ring.round(1).tolist()}", "Draw them again."))
    tell_outline(ring, level, size, path, report)
    return vertebra


def _ring(corners: Sequence[tuple[str, Point]], path: Path, level: str | None) -> tuple[NDArray[np.float64], bool]:
    """(4, 2) corners, as named, and whether a name stood for two."""
    named: dict[str, list[Point]] = {}
    for name, point in corners:
        named.setdefault(name, []).append(point)
    if len(corners) == len(named) == 4:
        return np.array([named[name][0] for name in CORNERS], dtype=np.float64), False
    if len(corners) == 4:
        return np.array([point for _, point in corners], dtype=np.float64), True
    if len(named) < 4:
        raise DataError(_fault(path, level, "four corners", ", ".join(name for name, _ in corners) or "none", "Correct the labels."))
    # The body is roughly a parallelogram: of two points for one corner, the one opposite to the others is meant.
    first = np.array([named[name][0] for name in CORNERS])
    expected = np.roll(first, 1, axis=0) + np.roll(first, -1, axis=0) - np.roll(first, 2, axis=0)
    return np.array([_likeliest(named[name], place) for name, place in zip(CORNERS, expected, strict=True)]), True


def _likeliest(points: Sequence[Point], expected: NDArray[np.float64]) -> Point:
    return min(points, key=lambda point: float(np.linalg.norm(np.subtract(point, expected))))


def polygon_of(points: ArrayLike, level: str | None, size: tuple[int, int], path: Path, report: Report) -> Vertebra:
    """Fill a polygon; `report` takes what is wrong with it though it can be filled.

    Raises:
        DataError: If it has fewer than three points or covers no pixel of the film.
    """
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    vertebra = polygon_to_vertebra(xy, size, level) if len(xy) >= 3 else None
    if vertebra is None:
        expected, found = f"a polygon on the film of {size[1]} x {size[0]} pixels", f"{len(xy)} points"
        found += " off it or on a line" if len(xy) >= 3 else ""
        raise DataError(_fault(path, level, expected, found, "Draw it again."))
    tell_outline(xy, level, size, path, report)
    return vertebra


def tell_outline(polygon: NDArray[np.float64], level: str | None, size: tuple[int, int], path: Path, report: Report) -> None:
    """Report the `outline_faults` of a vertebra."""
    for expected, found, remedy in outline_faults(polygon, size):
        report(_fault(path, level, expected, found, remedy, fatal=False))


def points_to_annotation(
    points: dict[str, list[tuple[str, Point]]], size: tuple[int, int], path: Path, report: Report, outlined: Collection[str | None] = ()
) -> Annotation:
    """Sort named points into vertebrae with four corners and landmarks of those without.

    Args:
        points: Part, from `PARTS`, and place of each point, by level.
        size: (H, W) of the film.
        path: The annotation.
        report: Takes what was mended.
        outlined: Levels that have a mask already and need no landmarks.

    Raises:
        DataError: If a level has some but not all of its corners, or a centroid alone; `POINTS_ONLY` need none.
    """
    vertebrae, landmarks = list[Vertebra](), list[Landmark]()
    for level, members in points.items():
        corners = [(part, point) for part, point in members if part in CORNERS]
        if level in POINTS_ONLY and len({part for part, _ in corners}) < len(CORNERS):
            landmarks += [] if level in outlined else _landmarks(level, members, path, report)
        elif corners:
            vertebrae.append(corners_to_vertebra(corners, level, size, path, report))
        elif level not in outlined:
            raise DataError(_fault(path, level, "four corners or an outline", CENTROID, "Add them."))
    return Annotation(vertebrae, landmarks)


def _landmarks(level: str, members: Sequence[tuple[str, Point]], path: Path, report: Report) -> list[Landmark]:
    """Landmarks of a level, without those whose name stands for several points: which one is meant nobody can tell."""
    counts = Counter(part for part, _ in members)
    for part in (part for part, count in counts.items() if count > 1):
        report(_fault(path, level, f"one point called {part}", str(counts[part]), "They are left out.", False))
    return [Landmark(level, part, point) for part, point in members if counts[part] == 1]


def from_head_to_foot(annotation: Annotation, size: tuple[int, int], path: Path) -> tuple[Vertebra, ...]:
    """The vertebrae in order along the spine.

    Args:
        annotation: With at least one vertebra.
        size: (H, W) of the film.
        path: The annotation's file.

    Raises:
        DataError: If there is no vertebra, a landmark lies off the film, a level comes twice, or levels and places disagree.
    """
    vertebrae, centres = list(annotation.vertebrae), [mark for mark in annotation.landmarks if mark.part == CENTROID]
    if not vertebrae:
        raise DataError(Problem(path, "to have an annotated vertebra", "none", "Annotate one, or leave the film out."))
    for mark in annotation.landmarks:
        if not (0 <= mark.point[0] <= size[1] and 0 <= mark.point[1] <= size[0]):
            expected = f"a {mark.part} on the film of {size[1]} x {size[0]} pixels"
            raise DataError(_fault(path, mark.level, expected, str(mark.point), "Move it."))
    order = principal_axis_order([*(vertebra.centroid for vertebra in vertebrae), *(mark.point for mark in centres)])
    levels = [*(vertebra.level for vertebra in vertebrae), *(mark.level for mark in centres)]
    _check_levels([level for i in order if (level := levels[i]) is not None], path)
    return tuple(vertebrae[i] for i in order if i < len(vertebrae))


def _check_levels(levels: Sequence[str], path: Path) -> None:
    twice = [level for level, count in Counter(levels).items() if count > 1]
    if twice:
        raise DataError(Problem(path, "to name each level once", f"{twice[0]} twice", "Correct the labels."))
    if list(levels) != sorted(levels, key=level_index):
        raise DataError(Problem(path, "to name levels from head to foot", ", ".join(levels), "Correct the labels."))


def _fault(path: Path, level: str | None, expected: str, found: str, remedy: str, fatal: bool = True) -> Problem:
    return Problem(path, f"to give {level or 'each vertebra'} {expected}", found, remedy, fatal)
