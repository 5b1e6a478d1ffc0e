"""Somebody's own lateral lumbar films: LabelMe files beside them, and `films.csv`."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from tests.layouts.labelme_file import corner_shapes, shape, write_labelme
from tests.layouts.quads import draw, quad

LEVELS = ("T12", "L1", "L2", "L3", "L4", "L5")
RECTANGLE = "L3"
"""The level that is annotated by a rectangle."""
WITH_CORNERS = 1
"""The film whose L1 is annotated by its four corners, and S1 by two points."""
SIZE = (190, 120)
"""Rows and columns of a film."""
SPACING_MM = 0.35


def film_id(index: int) -> str:
    """As in "film_0"."""
    return f"film_{index}"


def quads(index: int) -> dict[str, np.ndarray]:
    """(4, 2) corners of each vertebra, from the top left one clockwise, pixels; upright at `RECTANGLE`."""
    steps = enumerate(LEVELS)
    return {level: quad((40 + index + 5 * step, 22 + 25 * step), 32, 18, 2 * (step - LEVELS.index(RECTANGLE))) for step, level in steps}


def s1_points() -> dict[str, tuple[float, float]]:
    """The upper endplate of S1 on film `WITH_CORNERS`."""
    return {"top left": (60.0, 164.5), "top right": (92.0, 174.0)}


def write(root: Path, num_films: int = 6) -> Path:
    """Write a data set."""
    root.mkdir(parents=True, exist_ok=True)
    for index in range(num_films):
        Image.fromarray(draw(quads(index).values(), SIZE, seed=index)).save(root / f"{film_id(index)}.png")
        write_labelme(root / f"{film_id(index)}.json", _shapes(index), SIZE)
    write_table(root, [(film_id(index), f"patient {index}", "lateral_lumbar", SPACING_MM, "") for index in range(num_films)])
    return root


def write_table(root: Path, rows: list[tuple], header: tuple[str, ...] = ("film_id", "patient_id", "view", "spacing_mm", "split")) -> None:
    """Write `films.csv` as spreadsheet programs do, with a byte order mark."""
    with (root / "films.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([header, *rows])


def _shapes(index: int) -> list[dict]:
    shapes = []
    for level, corners in quads(index).items():
        if level == RECTANGLE:
            shapes.append(shape(level, corners[[0, 2]], "rectangle"))
        elif (index, level) == (WITH_CORNERS, "L1"):
            shapes += corner_shapes(level, corners)
        else:
            shapes.append(shape(level, corners, "polygon"))
    if index == WITH_CORNERS:
        shapes += [shape(f"S1 {part}", [point], "point") for part, point in s1_points().items()]
    return shapes
