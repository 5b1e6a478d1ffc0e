"""A sheet of simulated films, some with their annotation: `python -m spinefm.data.synthetic.contact_sheet docs/synthetic_films.jpg`."""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.atomic import atomic_path
from spinefm.data.synthetic.dataset import VIEWS, SyntheticDataset
from spinefm.structures import Pixels, Radiograph, View

_HEIGHTS = {View.LATERAL_CERVICAL: 400, View.LATERAL_LUMBAR: 400, View.AP_SPINE: 700}
_OUTLINED = (1, 3)
_COLOUR = (80, 220, 255)


def contact_sheet(seed: int = 0, columns: int = 5, width: int = 1600) -> Pixels:
    """Draw one row of films per view.

    Args:
        seed: Of the data set.
        columns: Films per row.
        width: Of the sheet, pixels.

    Returns:
        (H, width, 3) BGR.
    """
    films = SyntheticDataset({"train": columns * len(VIEWS)}, seed=seed).split("train")
    rows = [_row([films[len(VIEWS) * column + row] for column in range(columns)], width) for row in range(len(VIEWS))]
    return np.concatenate(rows)


def _row(films: list[Radiograph], width: int) -> Pixels:
    """Films of one view side by side, all of one height, on black."""
    cell = width // len(films)
    height = _HEIGHTS[films[0].view]
    row = np.zeros((height, width, 3), np.uint8)
    for column, film in enumerate(films):
        picture = _picture(film, (height - 4, cell - 4), column in _OUTLINED)
        left = column * cell + (cell - picture.shape[1]) // 2
        row[2 : 2 + picture.shape[0], left : left + picture.shape[1]] = picture
    return row


def _picture(film: Radiograph, room: tuple[int, int], outlined: bool) -> Pixels:
    zoom = min(room[0] / film.size[0], room[1] / film.size[1])
    small = cv2.resize(film.pixels, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    picture = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    if outlined:
        for vertebra in film.vertebrae:
            contours, _ = cv2.findContours(vertebra.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            moved: list[NDArray[np.int32]] = [np.round((contour + vertebra.origin) * zoom).astype(np.int32) for contour in contours]
            cv2.polylines(picture, moved, True, _COLOUR, 1, cv2.LINE_AA)
    return np.asarray(picture, dtype=np.uint8)


def main() -> None:
    """Write the sheet to the path given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--quality", type=int, default=72)
    arguments = parser.parse_args()
    sheet = contact_sheet(arguments.seed)
    with atomic_path(arguments.path) as temporary:
        cv2.imwrite(str(temporary), sheet, [cv2.IMWRITE_JPEG_QUALITY, arguments.quality])


if __name__ == "__main__":
    main()
