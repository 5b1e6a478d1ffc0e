"""The physics of the film, each step alone."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.synthetic.film import expose, sample_exposure
from spinefm.data.synthetic.overlay import Collimation, apply_collimation
from spinefm.data.synthetic.radiographs import INVERTED_RATE, simulate
from spinefm.data.synthetic.rays import FilmFrame, RayField, filled
from spinefm.structures import View

SQUARE = np.array([(20.0, 20.0), (40.0, 20.0), (40.0, 40.0), (20.0, 40.0)])


@pytest.fixture
def frame() -> FilmFrame:
    return FilmFrame((60, 60), np.eye(2), np.zeros(2), 1.0)


def test_attenuations_add_up(frame: FilmFrame) -> None:
    field = RayField(frame)
    field.add(SQUARE, 0.5)
    field.add(SQUARE, 0.25)
    assert field.values[30, 30] == pytest.approx(0.75)
    assert field.values[5, 5] == 0


def test_a_rim_is_denser_than_the_core(frame: FilmFrame) -> None:
    field = RayField(frame)
    field.add(SQUARE, 0.5, rim=0.5, rim_mm=1.0)
    assert field.values[30, :30].max() > field.values[30, 30] + 0.05


def test_shapes_off_the_film_are_ignored(frame: FilmFrame) -> None:
    field = RayField(frame)
    field.add(SQUARE + 500, 1.0)
    assert not field.values.any()


def test_a_mask_is_what_is_drawn(frame: FilmFrame) -> None:
    field = RayField(frame)
    field.add(SQUARE, 1.0)
    mask, (x, y) = filled(SQUARE)
    height, width = mask.shape
    np.testing.assert_array_equal(field.values[y : y + height, x : x + width] > 0.5, mask)
    assert 20**2 <= mask.sum() <= 22**2


def test_denser_is_brighter() -> None:
    rng = np.random.default_rng(0)
    exposure = replace(sample_exposure(rng), photons=10.0, low=0.0, high=1.0, equalised=0.0, crispness=0.0, heel=0.0)
    attenuation = np.repeat(np.linspace(1, 4, 80, dtype=np.float32)[None], 60, axis=0)
    grey = expose(attenuation, exposure, rng).astype(float).mean(0)
    assert (np.diff(grey)[5:-5] >= -0.5).all() and grey[-5] > grey[5] + 100


def test_collimation_darkens_what_it_covers() -> None:
    pixels = np.full((20, 20), 200, np.uint8)
    apply_collimation(pixels, Collimation(5, 4, 18, 20), np.random.default_rng(0))
    assert (pixels[4:, 5:18] == 200).all() and (pixels[:4] < 40).all() and (pixels[:, 18:] < 40).all()


def test_a_few_films_are_inverted() -> None:
    rng = np.random.default_rng(0)
    inverted = [simulate(View.LATERAL_CERVICAL, rng, (40, 32)).inverted for _ in range(120)]
    assert 0 < np.mean(inverted) < 3 * INVERTED_RATE
