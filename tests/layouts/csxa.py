"""CSXA: lateral cervical films with the corners of C3..C7 and three points of C2, as published and as the original SpineFM has it."""

from pathlib import Path

import numpy as np
from openpyxl import Workbook
from PIL import Image

from tests.layouts.labelme_file import corner_shapes, shape, write_labelme
from tests.layouts.quads import draw, fill, quad

LEVELS = ("C3", "C4", "C5", "C6", "C7")
SIZE = (180, 130)
"""Rows and columns of a film."""


def film_id(index: int) -> str:
    """Case, sex and age: "0000140", "0001241", ..."""
    return f"{index:04d}{1 + index % 2}{40 + index % 50}"


def spacing_mm(index: int) -> float:
    """Side of a pixel, as in the table."""
    return 0.3 + index / 100


def _centre(index: int, step: int) -> np.ndarray:
    return np.array([45.3 + index + 4 * step, 22.7 + 26 * step])


def quads(index: int) -> dict[str, np.ndarray]:
    """(4, 2) corners of each vertebra, from the top left one clockwise, pixels."""
    return {level: quad(_centre(index, step), 30, 18, 9 - 3 * step) for step, level in enumerate(LEVELS, start=1)}


def c2_points(index: int) -> dict[str, tuple[float, float]]:
    """The three points of C2 by their names."""
    _, _, right, left = quad(_centre(index, 0), 28, 20, 9).tolist()
    return {"centroid": tuple(_centre(index, 0).tolist()), "bottom left": tuple(left), "bottom right": tuple(right)}


def write(root: Path, num_films: int = 6, layout: str = "published") -> Path:
    """Write a data set: "published", or "spinefm" with masks and split lists."""
    parts = {"published": _write_published, "spinefm": _write_masked}
    parts[layout](root, num_films)
    return root


def _write_published(root: Path, num_films: int) -> None:
    films, annotations = root / "datasets-PNG", root / "datasets-JSON"
    films.mkdir(parents=True)
    annotations.mkdir()
    for index in range(num_films):
        _draw(index).save(films / f"{film_id(index)}.png")
        _annotate(annotations / f"{film_id(index)}.json", index)
    write_table(root, [(index, "M", 40 + index, spacing_mm(index)) for index in range(num_films)])


def write_table(root: Path, rows: list[tuple], header: tuple[str, ...] = ("Number", "Gender", "Age", "Pixel Equivalent")) -> None:
    """Write the table of spacings, a title in its first row; like a spreadsheet, it loses leading zeros of numbers."""
    book = Workbook()
    for row in (("CSXA",), header, *rows):
        book.active.append(row)
    book.save(root / "datasets.xlsx")


def _write_masked(root: Path, num_films: int) -> None:
    for folder in ("imgs", "gts", "data_split"):
        (root / folder).mkdir(parents=True)
    ids = [film_id(index) for index in range(num_films)]
    for index, name in enumerate(ids):
        _draw(index).save(root / "imgs" / f"{name}.png")
        for level, corners in quads(index).items():
            np.savez_compressed(root / "gts" / f"{name}_{level}.npz", fill(corners, SIZE))
    for split, members in {"train": ids[:-2], "val": ids[-2:-1], "test": ids[-1:]}.items():
        (root / "data_split" / f"{split}.txt").write_text("".join(f"{name}\n" for name in members))


def _draw(index: int) -> Image.Image:
    """A screenshot of a viewer: grey, with a coloured border."""
    c2 = quad(_centre(index, 0), 28, 20, 9)
    pixels = draw([c2, *quads(index).values()], SIZE, seed=index)
    coloured = np.stack([pixels] * 3, axis=-1)
    coloured[:, :3] = coloured[:, -3:] = (0, 90, 160)
    return Image.fromarray(coloured)


def _annotate(path: Path, index: int) -> None:
    """Always points, whatever they are called; with a copy of the film in every second file, here a damaged one."""
    kind = ("point", "polygon")[index % 2]
    shapes = [shape(f"C2 {part}", [point], kind) for part, point in c2_points(index).items()]
    for level, corners in quads(index).items():
        shapes += corner_shapes(level, corners, kind)
    write_labelme(path, shapes, SIZE, image_data="iVBORw0KGgo=bogus" if index % 2 else None)
