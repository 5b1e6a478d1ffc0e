"""Vertebrae that a data set names by their order alone: which level each film's begin at, where that is not the usual one."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import order_with
from spinefm.data.problems import DataError, Problem
from spinefm.data.reading.annotation import Annotation
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.structures import CENTROID, Landmark, Point

COLUMNS = ["film_id", "first"]

Rings = NDArray[np.float64]
"""(N, 4, 2): the ring of each vertebra from head to foot; see `spinefm.data.reading.corners`."""


def read_first_levels(path: Path) -> dict[str, str]:
    """The level of the topmost annotated vertebra, by film id, of a table with the columns `film_id` and `first`.

    Films that are not there may be named: a part of a data set goes with the table of the whole.

    Raises:
        DataError: If there is no such table, or one of its rows names no level, or a film again.
    """
    first_levels, known = dict[str, str](), order_with(())
    for number, (film_id, first) in enumerate(_rows(path), start=2):
        if first not in known:
            raise DataError(Problem(path, "to name a level such as T2 beside each film", f"{first!r} in line {number}", "Correct it."))
        if first_levels.setdefault(film_id, first) != first:
            raise DataError(Problem(path, "to have one row for each film", f"{film_id!r} again in line {number}", "Remove one."))
    return first_levels


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(Problem(path, "to be a table in UTF-8", str(error), "Correct `dataset.first_levels`.")) from error
    if header != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        expected, remedy = f"to have the columns {','.join(COLUMNS)}", "Correct the table or `dataset.first_levels`."
        raise DataError(Problem(path, expected, f"the header {','.join(header)!r}, or rows of another length", remedy))
    return rows


def named_from(first: str, rings: Rings, levels: Sequence[str], size: tuple[int, int]) -> Annotation:
    """Name vertebrae in their order, as an annotation of `levels` on a spine without anomalies would.

    What lies beyond those levels is left out. Where one of them lies beyond what is annotated, a landmark is put one step further, if
    that is on the film, lest a classifier learns a vertebra as background.

    Args:
        first: Level of the topmost ring.
        rings: As many as there are levels.
        levels: Usual ones, from head to foot.
        size: (H, W) of the film.
    """
    order = order_with(())
    steps = order.index(first) - order.index(levels[0])
    found = [polygon_to_vertebra(ring, size, levels[i + steps]) for i, ring in enumerate(rings) if 0 <= i + steps < len(levels)]
    marks = [Landmark(level, CENTROID, point) for level, point in _beyond(rings.mean(1), levels, steps) if _is_on_film(point, size)]
    return Annotation([vertebra for vertebra in found if vertebra is not None], marks)


def _beyond(centroids: NDArray[np.float64], levels: Sequence[str], steps: int) -> Iterator[tuple[str, Point]]:
    """The levels above those that are annotated, or below if `steps` is negative, and where they lie if the spine goes straight on."""
    missing = levels[:steps][::-1] if steps > 0 else levels[len(levels) + steps :]
    last, before = centroids[:2] if steps > 0 else centroids[:-3:-1]
    for number, level in enumerate(missing, start=1):
        x, y = last + number * (last - before)
        yield level, (float(x), float(y))


def _is_on_film(point: Point, size: tuple[int, int]) -> bool:
    return 0 <= point[0] < size[1] and 0 <= point[1] < size[0]
