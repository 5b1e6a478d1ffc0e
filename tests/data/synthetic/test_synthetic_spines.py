"""The spines alone: cheap enough to look at thousands."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from spinefm.anatomy import level_index
from spinefm.data.synthetic.dataset import VIEWS
from spinefm.data.synthetic.spines import sample_spine
from spinefm.structures import View


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("seed", range(5))
def test_bodies_run_down_without_leaps(view: View, seed: int) -> None:
    bodies = sample_spine(view, np.random.default_rng(seed)).bodies
    steps = np.diff([body.centre for body in bodies], axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    assert (steps[:, 1] > 0).all() and (lengths > 8).all() and (lengths < 50).all()
    assert [level_index(body.level) for body in bodies] == sorted({level_index(body.level) for body in bodies})


@pytest.mark.parametrize("view", VIEWS)
def test_outlines_surround_their_centres(view: View) -> None:
    for body in sample_spine(view, np.random.default_rng(0)).bodies:
        assert (body.outline.min(0) < body.centre).all() and (body.centre < body.outline.max(0)).all()


def test_unannotated_neighbours_are_drawn() -> None:
    spine = sample_spine(View.AP_SPINE, np.random.default_rng(0))
    assert {"C6", "C7", "S1"} <= {body.level for body in spine.bodies if not body.annotated}


def test_variants_appear_at_realistic_rates() -> None:
    count = 800
    rng = np.random.default_rng(0)
    seen = Counter(variant for _ in range(count) for variant in sample_spine(View.LATERAL_LUMBAR, rng).variants)
    assert 0.01 < sum(seen[name] for name in ("extra T13", "extra L6")) / count < 0.06
    assert 0.005 < sum(seen[name] for name in ("missing T12", "missing L5")) / count < 0.045
    assert all(0.01 < seen[name] / count < 0.5 for name in ("wedge", "spur", "disc", "slip", "flat"))


def spans_deg(view: View, curve_scale: float = 1.0, count: int = 200) -> NDArray[np.float64]:
    """Largest difference of two tilts of each of some spines."""
    rng = np.random.default_rng(0)
    spines = [sample_spine(view, rng, curve_scale) for _ in range(count)]
    return np.array([np.ptp([np.degrees(np.arctan2(*body.down)) for body in spine.bodies]) for spine in spines])


def test_most_whole_spines_are_bent_and_some_strongly() -> None:
    spans = spans_deg(View.AP_SPINE)
    assert np.quantile(spans, 0.1) < 20 and np.quantile(spans, 0.9) > 35


def test_curve_scale_bends_whole_spines_and_leaves_lateral_ones_alone() -> None:
    straight, usual, severe = (np.median(spans_deg(View.AP_SPINE, scale)) for scale in (0.0, 1.0, 2.0))
    assert straight < 10 < 1.5 * usual < severe
    np.testing.assert_array_equal(spans_deg(View.LATERAL_LUMBAR, 2.0, 5), spans_deg(View.LATERAL_LUMBAR, 1.0, 5))
