"""Vertebrae and surroundings as they are seen from the front."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.synthetic import frontal_vertebrae
from spinefm.data.synthetic.frontal_vertebrae import draw_frontal_vertebrae, slant
from spinefm.data.synthetic.rays import FilmFrame, RayField
from spinefm.data.synthetic.spines import SimulatedSpine, sample_spine
from spinefm.data.synthetic.whole_spine import draw_body
from spinefm.structures import View

SIZE = (640, 400)


@pytest.fixture
def spine() -> SimulatedSpine:
    return sample_spine(View.AP_SPINE, np.random.default_rng(0), curve_scale=0.0)


def field_of(spine: SimulatedSpine) -> RayField:
    """A pixel per millimetre, T1 at row 60 and the spine in the middle."""
    x, y = np.mean([body.centre[0] for body in spine.bodies]), spine.body("T1").centre[1]
    return RayField(FilmFrame(SIZE, np.eye(2), np.array([200 - x, 60 - y]), 1.0))


def drawn(spine: SimulatedSpine, seed: int = 0) -> np.ndarray:
    field = field_of(spine)
    draw_frontal_vertebrae(field, spine, np.random.default_rng(seed))
    return field.values


def at(spine: SimulatedSpine, values: np.ndarray, point: np.ndarray, half: int = 2) -> float:
    """Mean around a point of the patient's plane."""
    x, y = np.rint(point - (np.mean([body.centre[0] for body in spine.bodies]) - 200, spine.body("T1").centre[1] - 60)).astype(int)
    return float(values[y - half : y + half + 1, x - half : x + half + 1].mean())


def test_discs_are_darker_than_bodies_but_no_gaps(spine: SimulatedSpine) -> None:
    """In the mean over films: L2, L3 and the disc between them, beside the spinous process."""
    upper, lower = spine.body("L2"), spine.body("L3")
    found = [
        [at(spine, drawn(spine, seed), (upper.centre + lower.centre) / 2 + (8, 0), 1), at(spine, drawn(spine, seed), upper.centre + (8, 0))]
        for seed in range(12)
    ]
    disc, body = np.mean(found, axis=0)
    assert 0.3 * body < disc < 0.9 * body


def test_endplates_are_met_at_the_slant_of_their_level() -> None:
    """Between the levels that are known it changes evenly."""
    assert slant("T7") == 0 < slant("T1") < slant("L5")
    assert slant("T2") == pytest.approx((2 * slant("T1") + slant("T4")) / 3)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rods_are_denser_than_any_bone(spine: SimulatedSpine, monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    monkeypatch.setattr(frontal_vertebrae, "RODS_RATE", rate)
    assert all((drawn(spine, seed).max() > 1.4) == bool(rate) for seed in range(6))


def test_what_lies_beside_a_bent_spine_goes_along_with_it(spine: SimulatedSpine) -> None:
    """The same body around a spine whose T5 to T9 lie 40 mm to the right: lung is where they were, and they are in none."""
    bodies = tuple(
        replace(body, centre=body.centre + (40.0, 0.0)) if body.level in ("T5", "T6", "T7", "T8", "T9") else body for body in spine.bodies
    )
    bent = replace(spine, bodies=bodies)
    fields = [field_of(spine), field_of(spine)]
    for field, each in zip(fields, (spine, bent), strict=True):
        draw_body(field, each, np.random.default_rng(1))
    place = spine.body("T7").centre
    before, after = (at(spine, field.values, place + (-12.0, 0.0), 3) for field in fields)
    assert after < before - 0.1
    assert at(spine, fields[1].values, place + (40.0, 0.0), 3) > after + 0.1
