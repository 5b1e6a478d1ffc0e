"""What looks odd about an annotated film that can be used: told by the check, before a training learns it."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from spinefm.anatomy import order_with, steps_between
from spinefm.data.problems import Problem
from spinefm.data.views.base import spine_centroids, spine_points, spine_strides
from spinefm.geometry.centroids import local_spacings
from spinefm.structures import Radiograph

SMALLEST = 0.5
"""Side of a vertebra, the root of its area, in spacings, in the median over a film. From the front it is 0.71 at least on AASCE's films."""
LEAST_VERTEBRAE = 3
"""With fewer on a film, where they lie and how large they are says little."""


def oddities(film: Radiograph, path: Path) -> Iterator[Problem]:
    """A note of everything odd; `path` is the film's file."""
    notes = [*_left_out(film)]
    if len(film.vertebrae) >= LEAST_VERTEBRAE:
        notes += [*_in_a_quarter(film), *_small(film)]
    return (Problem(path, *note, fatal=False, film_id=film.film_id) for note in notes)


def _left_out(film: Radiograph) -> Iterator[tuple[str, str, str]]:
    levels = [level for _, level, _ in spine_points(film)]
    for upper, lower in pairwise(levels):
        if upper is not None and lower is not None and steps_between(upper, lower) > 1:
            order = order_with((upper, lower))
            between = ", ".join(order[order.index(upper) + 1 : order.index(lower)])
            yield "to show every level annotated", f"none of {between} between {upper} and {lower}", "Annotate it, or correct the labels."


def _in_a_quarter(film: Radiograph) -> Iterator[tuple[str, str, str]]:
    right, bottom = np.array([vertebra.box[2:] for vertebra in film.vertebrae]).max(0)
    if 2 * right <= film.size[1] and 2 * bottom <= film.size[0]:
        found = f"all of them in its upper left quarter, at most at ({right}, {bottom}) of {film.size[1]} x {film.size[0]} pixels"
        yield "to have outlines all over it", found, "If they were drawn on a smaller copy, enlarge them."


def _small(film: Radiograph) -> Iterator[tuple[str, str, str]]:
    spacing = np.median(local_spacings(spine_centroids(film), spine_strides(film)))
    side = float(np.median([np.sqrt(vertebra.area) for vertebra in film.vertebrae]) / spacing)
    if side < SMALLEST:
        found = f"small ones, their sides {side:.2f} of their distance from each other"
        yield "to have outlines of whole vertebrae", found, "Draw them around the bodies, and annotate those between them."
