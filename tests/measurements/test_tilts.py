"""Tilts of single vertebrae."""

import numpy as np
import pytest

from spinefm.measurements.tilts import tilt


def test_a_tilt_is_that_of_the_midline():
    assert tilt(np.array([(0.0, 0), (10, 0), (0, 10), (10, 10)])) == 0
    assert tilt(np.array([(0.0, 0), (10, 10), (-5, 5), (5, 15)])) == pytest.approx(45)
    # Endplates that are not parallel: neither of them, but what lies between.
    assert tilt(np.array([(0.0, 0), (10, 0), (0, 10), (10, 12)])) == pytest.approx(np.degrees(np.arctan2(1, 10)))
