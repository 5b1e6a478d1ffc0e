"""The contact sheet: films of any shape fit their cells, cells fill rows."""

import numpy as np
import pytest

from spinefm.data.contact_sheet import CAPTION, CELL, contact_sheet, film_cell


@pytest.mark.parametrize("size", [(160, 96), (3000, 900), (800, 2000), (160, 2000)])
def test_a_film_fits_its_cell(make_film, size):
    cell = film_cell(make_film(size=size), "film")
    assert cell.shape == (*CELL, 3)
    assert cell[: CELL[0] - CAPTION].max() > 100
    filled = cell[: CELL[0] - CAPTION].any(2)
    assert filled.any(0).mean() > 0.9 or filled.any(1).mean() > 0.9 or size == (160, 96)


def test_a_warning_has_another_colour(make_film):
    plain, warned = (film_cell(make_film(), "film", warn)[CELL[0] - CAPTION :] for warn in (False, True))
    assert (plain[..., 0] == plain[..., 2]).all() and not (warned[..., 0] == warned[..., 2]).all()


@pytest.mark.parametrize(("count", "shape"), [(1, (4, 5)), (3, (4, 15)), (4, (8, 15))])
def test_cells_fill_rows(count, shape):
    sheet = contact_sheet([np.full((4, 5, 3), i + 1, np.uint8) for i in range(count)], columns=3)
    assert sheet.shape == (*shape, 3)
    assert (sheet[..., 0] > 0).sum() == 20 * count
