"""Tilts, and how they are evened out."""

import numpy as np
import pytest

from spinefm.measurements.tilts import smooth_tilts, tilt


def test_a_tilt_is_that_of_the_midline():
    assert tilt(np.array([(0.0, 0), (10, 0), (0, 10), (10, 10)])) == 0
    assert tilt(np.array([(0.0, 0), (10, 10), (-5, 5), (5, 15)])) == pytest.approx(45)
    # Endplates that are not parallel: neither of them, but what lies between.
    assert tilt(np.array([(0.0, 0), (10, 0), (0, 10), (10, 12)])) == pytest.approx(np.degrees(np.arctan2(1, 10)))


def test_smoothing_keeps_parabolas_and_evens_out_noise():
    places = np.arange(17)
    parabola = 3 + 2 * places - 0.2 * places**2
    np.testing.assert_allclose(smooth_tilts(parabola, 1.0), parabola)
    errors = np.random.default_rng(0).normal(0, 2, (50, 17))
    left = [smooth_tilts(parabola + error, 1.5) - parabola for error in errors]
    assert np.abs(left).mean() < 0.8 * np.abs(errors).mean()


def test_a_gap_counts_as_a_gap():
    places = [0, 1, 2, 3, 7, 8, 9]
    parabola = 0.5 * np.array(places) ** 2
    np.testing.assert_allclose(smooth_tilts(parabola, 1.0, places), parabola, atol=1e-6)
    noisy = parabola + np.random.default_rng(0).normal(0, 2, 7)
    assert not np.allclose(smooth_tilts(noisy, 1.0, places), smooth_tilts(noisy, 1.0))


@pytest.mark.parametrize("smoothing", [0, 1e-3, 0.8, 5.0])
@pytest.mark.parametrize("tilts", [[], [3.0], [3.0, -4.0]])
def test_few_vertebrae_are_left_as_they_are(tilts, smoothing):
    np.testing.assert_allclose(smooth_tilts(tilts, smoothing), tilts)


def test_none_at_all_and_less_than_that():
    tilts = np.random.default_rng(0).normal(0, 20, 17)
    np.testing.assert_array_equal(smooth_tilts(tilts, 0), tilts)
    with pytest.raises(ValueError, match="at least 0 vertebrae, but got -1"):
        smooth_tilts(tilts, -1)
