"""Levels from what a classifier saw, against all runs of levels there are."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.anatomy import LEVELS, levels_between
from spinefm.pipeline.labelling import Labelling, LevelRules, assign_levels, ends_at_terminals, up_to_terminals
from tests.oracles import ALL_LEVELS, LANDMARKS


def seen(names, classes=ALL_LEVELS, certainty=0.9):
    """(N, K): the classifier is rather sure of each name; None for a patch it can make nothing of."""
    rows = np.full((len(names), len(classes)), (1 - certainty) / (len(classes) - 1))
    for row, name in zip(rows, names, strict=True):
        if name is None:
            row[:] = 1 / len(classes)
        else:
            row[classes.index(name)] = certainty
    return rows


def levels_of(names, classes=ALL_LEVELS, **rules):
    return assign_levels(seen(names, classes), classes, rules=LevelRules(**rules)).levels


CERVICAL = levels_between("C2", "T1")
LUMBAR = levels_between("T11", "S1")


def test_counting_from_the_upper_landmark():
    """Defect 11: no level is ever assigned to a mask."""
    assert levels_of(["C2", *["vertebra"] * 6], LANDMARKS) == CERVICAL


def test_counting_from_the_lower_landmark():
    """Defect 11."""
    assert levels_of([*["vertebra"] * 7, "S1"], LANDMARKS) == LUMBAR


def test_no_landmark_no_level():
    labelling = assign_levels(seen(["vertebra"] * 5, LANDMARKS), LANDMARKS)
    assert labelling.levels == (None,) * 5
    assert max(labelling.probabilities) < 0.5 and labelling.trust == (1.0,) * 5


def test_nothing_seen_no_level():
    assert levels_of([None] * 5) == levels_of([None] * 5, LANDMARKS) == (None,) * 5


@pytest.mark.parametrize("name", ["background", "vertebra"])
def test_two_classes_know_no_level(name):
    """Defect 11: the CSXA classifier has no other classes."""
    assert levels_of([name] * 5, ("background", "vertebra")) == (None,) * 5


@pytest.mark.parametrize("levels", [CERVICAL, LUMBAR, levels_between("T1", "L5"), levels_between("C1", "S1"), ("T7",)])
def test_all_levels_seen(levels):
    labelling = assign_levels(seen(levels), ALL_LEVELS)
    assert labelling.levels == levels
    assert all(0.5 < p <= 1 for p in labelling.probabilities)


@pytest.mark.parametrize(
    "levels",
    [
        ("T10", "T11", "T12", "T13", "L1", "L2"),
        ("L3", "L4", "L5", "L6", "S1"),
        ("T9", "T10", "T11", "L1", "L2"),
        ("L2", "L3", "L4", "S1"),
    ],
    ids=["T13", "L6", "no T12", "no L5"],
)
def test_extra_and_missing_levels(levels):
    assert levels_of(levels) == levels
    assert levels_of(levels, anomaly_rate=0.0) != levels


@pytest.mark.parametrize("wrong", ["C3", "T9", "S1", "background", "T13"])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_one_contradicting_patch_is_outvoted(place, wrong):
    names = list(levels_between("T10", "L4"))
    names[place] = wrong
    assert levels_of(names) == levels_between("T10", "L4")


def test_an_unreadable_patch_is_named_by_its_neighbours():
    assert levels_of(["C2", "C3", None, None, "C6"]) == CERVICAL[:5]


def test_levels_too_uncertain_are_unknown():
    probabilities = seen(["vertebra"] * 3, LANDMARKS)
    assert levels_of(["C2", "vertebra", "vertebra"], LANDMARKS, unknown_below=1.0) == (None,) * 3
    assert None not in assign_levels(probabilities, LANDMARKS, rules=LevelRules(unknown_below=0.0)).levels


@pytest.mark.parametrize("rules", [{"anomaly_rate": 2.0}, {"anomaly_rate": 1.0}, {"anomaly_rate": -0.1}, {"unknown_below": 7.0}], ids=str)
def test_what_is_no_probability_is_refused(rules):
    with pytest.raises(ValueError, match=f"`{next(iter(rules))}` to be .* but got"):
        LevelRules(**rules)


@pytest.mark.parametrize("number", [26, 27, 28, 40, 200])
def test_more_vertebrae_than_levels_do_not_crash(number):
    labelling = assign_levels(seen(["C2", *["vertebra"] * (number - 2), "S1"], LANDMARKS), LANDMARKS)
    assert len(labelling.levels) == number
    assert np.isfinite(labelling.probabilities).all()
    if number > len(LEVELS):
        assert labelling.levels == (None,) * number


def test_no_vertebrae():
    assert assign_levels(np.zeros((0, 4)), LANDMARKS).levels == ()


def test_the_input_is_left_alone():
    probabilities = seen(CERVICAL)
    before = probabilities.copy()
    assign_levels(probabilities, ALL_LEVELS)
    assert np.array_equal(probabilities, before)


def test_the_order_of_classes_does_not_matter():
    """Defect 3: C2 and S1 are classes 2 and 3 in one file, 3 and 2 in another."""
    names, other = ["C2", *["vertebra"] * 6], ("S1", "vertebra", "C2", "background")
    assert levels_of(names, other) == levels_of(names, LANDMARKS)


def brute_force(emissions, rate):
    """(27,) * N: weight of every run of N levels there is."""
    usual, index = levels_between("C1", "S1"), LEVELS.index
    step = np.zeros((27, 27))
    for upper, lower in pairwise(usual):
        step[index(upper), index(lower)] = 1 - rate
    for upper, lower in [("T12", "T13"), ("T11", "L1"), ("L5", "L6"), ("L4", "S1")]:
        step[index(upper), index(lower)] = rate
    for upper, lower in [("T13", "L1"), ("L6", "S1")]:
        step[index(upper), index(lower)] = 1
    weights = emissions[0] * np.where(np.isin(LEVELS, ["T13", "L6"]), 1e-3, 1.0)
    for emission in emissions[1:]:
        weights = weights[..., None] * step * emission
    return weights


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.sampled_from([0.0, 0.02, 0.3]), st.integers(0, 2**32 - 1), st.sampled_from([ALL_LEVELS, LANDMARKS]))
def test_agreement_with_all_runs_there_are(number, rate, seed, classes):
    rng = np.random.default_rng(seed)
    # Mostly thoracolumbar evidence, where all anomalies are.
    favour = np.where(np.isin(classes, LUMBAR), 1.0, 0.2)
    probabilities = np.stack([rng.dirichlet(favour) for _ in range(number)])
    column = [classes.index(level if level in classes else "vertebra") for level in LEVELS]
    likelihood = probabilities / (1 - probabilities[:, [classes.index("background")]])
    weights = brute_force(np.maximum(likelihood, 1e-3)[:, column], rate)
    labelling = assign_levels(probabilities, classes, rules=LevelRules(anomaly_rate=rate, unknown_below=0.0))
    path = tuple(map(LEVELS.index, labelling.levels))
    assert weights[path] == pytest.approx(weights.max())
    marginals = [weights.sum(tuple(set(range(number)) - {i})) / weights.sum() for i in range(number)]
    assert labelling.probabilities == pytest.approx([m[level] for m, level in zip(marginals, path, strict=True)])


@pytest.mark.parametrize(
    ("terminals", "kept"),
    [
        (("T11", "L5"), slice(0, 7)),
        (("L4",), slice(0, 6)),
        (("T12",), slice(1, 7)),
        (("T11", "T12", "L4", "L5"), slice(1, 6)),
        (("L1", "L3"), slice(2, 5)),
        (("L2",), slice(0, 7)),
        (("L4", "L5"), slice(0, 7)),
        (("L3", "S1"), slice(0, 7)),
        (("T11", "T12"), slice(0, 7)),
        (("C2", "L1"), slice(0, 7)),
        ((), slice(0, 7)),
    ],
    ids=[
        "at the ends",
        "below",
        "above",
        "nearest",
        "ends of the core",
        "within the core",
        "core above both",
        "core ends at the upper",
        "core below both",
        "core begins at the lower",
        "none",
    ],
)
def test_a_spine_ends_at_the_terminals_that_it_reached(terminals, kept):
    """Two things were found above it; L1 to L3 are its core."""
    levels, probabilities = levels_between("T11", "L5"), tuple(0.9 - 0.1 * i for i in range(7))
    cut = ends_at_terminals(Labelling(2, levels, probabilities), slice(4, 7), terminals)
    assert (cut.first, cut.levels, cut.probabilities) == (2 + kept.start, levels[kept], probabilities[kept])


@pytest.mark.parametrize(
    ("levels", "above", "below", "longer"),
    [
        (("T2", "L4"), [0.7], [0.7], ("T1", "T2", "L4", "L5")),
        (("T3", "L5"), [0.9, 0.7, 0.7], [0.1], ("T1", "T2", "T3", "L5")),
        (("T3", "L3"), [0.1, 0.9], [0.7, 0.9], ("T3", "L3", "L4")),
        (("T1", "L5"), [0.1], [0.1], ("T1", "L5")),
        ((None, None), [0.1], [0.1], (None, None)),
        (("T13", "L6"), [0.1], [0.1], ("T13", "L6")),
        (("T2", "L4"), [], [], ("T2", "L4")),
    ],
)
def test_a_spine_goes_on_to_its_terminals_through_what_is_not_certainly_background(levels, above, below, longer):
    found = up_to_terminals(Labelling(len(above), levels, (0.7, 0.9)), np.array([*above, 0.0, 0.0, *below]), ["L5", "T1"])
    first = longer.index(levels[0])
    assert (found.first, found.levels) == (len(above) - first, longer)
    assert found.probabilities == (0.7,) * (first + 1) + (0.9,) * (len(longer) - first - 1)


def test_doubts_between_levels_make_no_background_of_a_vertebra():
    classes = ("background", "vertebra", *levels_between("T1", "L5"))
    probabilities = np.full((17, 19), 0.8 / 17)
    probabilities[:, :2] = 0.2, 0.0
    probabilities[12:, 2:] = 0.02
    probabilities[np.arange(12, 17), np.arange(14, 19)] = 0.48
    labelling = assign_levels(probabilities, classes, ("T1", "L5"), slice(13, 16))
    assert labelling.levels == levels_between("T1", "L5")


def test_patches_that_overlap_are_less_sure_together():
    """Four of nine are misled by one, as neighbours are that see the same ribs."""
    upper, lower = levels_between("T8", "L4"), levels_between("T9", "L5")
    probabilities = seen([*upper[:4], *lower[4:]], certainty=0.6)
    probabilities[:, 0] = 0.01
    apart, overlapping = (assign_levels(probabilities, ALL_LEVELS, rules=LevelRules(0.0), overlap=number) for number in (1, 10))
    assert apart.levels == overlapping.levels == lower
    assert min(apart.probabilities) > 0.95 > 0.85 > max(overlapping.probabilities) > 0.5


@pytest.mark.parametrize("overlap", [1, 4, 10])
def test_patches_that_overlap_are_as_sure_of_background(overlap):
    probabilities = np.vstack([seen(["background"]), seen(levels_between("T11", "L5"), certainty=0.6), seen(["background"])])
    probabilities[1:-1] *= 0.2 / (1 - probabilities[1:-1, :1])
    probabilities[1:-1, 0] = 0.8
    labelling = assign_levels(probabilities, ALL_LEVELS, ("T11", "L5"), slice(3, 6), overlap=overlap)
    assert (labelling.first, labelling.levels) == (1, levels_between("T11", "L5"))
