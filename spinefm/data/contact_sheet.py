"""Many films on one picture, with their annotation drawn: what is wrong with a data set is mostly visible."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from spinefm.data.shrink import shrink
from spinefm.drawing.overlay import overlay
from spinefm.structures import Pixels, Radiograph

CELL = (460, 330)
"""Rows and columns that a film has, pixels."""
CAPTION = 22
COLUMNS = 8


def film_cell(film: Radiograph, caption: str, warn: bool = False) -> Pixels:
    """Draw one film: (H, W, 3) RGB of size `CELL`, its caption below, in orange to warn."""
    height, width = film.size
    room = CELL[0] - CAPTION, CELL[1] - 4
    # The longer side decides how far a film shrinks, the tighter one how far it has to.
    small = shrink(film, max(1, int(min(room[0] / height, room[1] / width) * max(height, width))))
    picture = Image.new("RGB", (CELL[1], CELL[0]))
    drawn = overlay(small.pixels, small.vertebrae, landmarks=small.landmarks)
    picture.paste(Image.fromarray(drawn), ((CELL[1] - drawn.shape[1]) // 2, 0))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    draw.text((CELL[1] / 2, CELL[0] - CAPTION / 2), caption[:46], "orange" if warn else "white", font, "mm")
    return np.asarray(picture)


def contact_sheet(cells: Sequence[Pixels], columns: int = COLUMNS) -> Pixels:
    """Lay cells out in rows.

    Args:
        cells: At least one, all of one size.
        columns: Cells in a row.

    Returns:
        (H, W, 3) RGB.
    """
    columns = min(columns, len(cells))
    blank = np.zeros_like(cells[0])
    padded = [*cells, *[blank] * (-len(cells) % columns)]
    return np.concatenate([np.concatenate(padded[start : start + columns], axis=1) for start in range(0, len(padded), columns)])
