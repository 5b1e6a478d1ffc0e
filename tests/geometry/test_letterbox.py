"""Films in a frame, and out of it again."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spinefm.geometry.letterbox import Letterbox

sides = st.integers(1, 90)


@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_a_film_is_as_large_as_fits_in_its_proportions(film_size, frame_size):
    letterbox = Letterbox(film_size, frame_size)
    inner = letterbox.inner_size
    assert all(1 <= side <= most for side, most in zip(inner, frame_size, strict=True))
    assert any(side == most for side, most in zip(inner, frame_size, strict=True))
    scale = min(most / side for side, most in zip(film_size, frame_size, strict=True))
    assert all(abs(side - max(scale * own, 1)) <= 0.5 for side, own in zip(inner, film_size, strict=True))


@pytest.mark.parametrize("film_size", [(60, 24), (24, 60), (7, 5), (200, 10)])
def test_it_lies_in_the_middle_and_black_bars_beside_it(film_size):
    letterbox = Letterbox(film_size, (30, 20))
    film = letterbox.film(np.full(film_size, 200, dtype=np.uint8))
    assert film.shape == (30, 20) and film.dtype == np.uint8 and set(np.unique(film)) <= {0, 200}
    np.testing.assert_array_equal(film == 200, letterbox.labels(np.ones(film_size, dtype=np.uint8)) == 1)
    rows, columns = np.flatnonzero(film.any(1)), np.flatnonzero(film.any(0))
    assert abs(rows[0] - (29 - rows[-1])) <= 1 and abs(columns[0] - (19 - columns[-1])) <= 1
    shown = letterbox.without_bars(torch.from_numpy(film))
    assert shown.shape == letterbox.inner_size and (shown == 200).all()


def test_labels_stay_what_they_are():
    labels = np.random.default_rng(0).choice(np.array([0, 3, 200], dtype=np.uint8), (90, 40))
    assert set(np.unique(Letterbox((90, 40), (64, 64)).labels(labels))) == {0, 3, 200}


def test_a_film_of_the_frames_size_is_as_it_was():
    film = np.random.default_rng(0).integers(0, 256, (32, 16), dtype=np.uint8)
    letterbox = Letterbox((32, 16), (32, 16))
    np.testing.assert_array_equal(letterbox.film(film), film)
    np.testing.assert_array_equal(letterbox.labels(film), film)


def test_many_pixels_become_their_mean():
    film = np.tile(np.array([[0, 100], [100, 200]], dtype=np.uint8), (16, 16))
    assert np.unique(Letterbox((32, 32), (16, 16)).film(film)).tolist() == [100]
