"""Metrics against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_f1_score

from spinefm.evaluation.matching import OURS, Protocol
from spinefm.evaluation.metrics import FILM_METRICS, VERTEBRA_METRICS, compute_metrics, offsets
from spinefm.evaluation.records import record_film
from spinefm.structures import Failure, Radiograph, Spine, Vertebra, View


def square(y, level, shift=0):
    return Vertebra(np.ones((10, 10), dtype=bool), (20 + shift, y), (25.0 + shift, y + 5.0), level)


def record(film_id, truth, found, failure=None, view=View.LATERAL_CERVICAL, protocol=OURS, **known):
    radiograph = Radiograph(film_id, np.zeros((100, 60), dtype=np.uint8), tuple(truth), view, **known)
    return record_film(radiograph, Spine(film_id, (100, 60), tuple(found), failure), protocol)


def value(results, *keys):
    for key in keys:
        results = results[key]
    return results["value"] if isinstance(results, dict) else results


@pytest.fixture
def results():
    """Two films of three vertebrae: one with a right, a mislabelled, a missed and a false one; one that failed."""
    truth = [square(0, "C3"), square(20, "C4"), square(40, "C5")]
    found = [square(0, "C3"), square(20, "C5", shift=2), square(80, "C6")]
    failed = record("b", truth, [], Failure.TOO_FEW_DETECTIONS, View.LATERAL_LUMBAR)
    return compute_metrics([record("a", truth, found), failed])


def test_headline(results):
    assert value(results, "identification_rate") == pytest.approx(2 / 6)
    assert value(results, "labelled_identification_rate") == pytest.approx(1 / 6)
    assert value(results, "dice_identified") == pytest.approx((1.0 + 0.8) / 2)
    assert value(results, "dice_all") == pytest.approx((1.0 + 0.8) / 6)
    assert value(results, "false_positives_per_image") == pytest.approx(1 / 2)
    assert [value(results, key) for key in ("num_images", "num_vertebrae", "num_failures")] == [2, 6, 1]


def test_levels_are_those_of_the_truth_from_head_to_foot(results):
    assert list(results["per_level"]) == ["C3", "C4", "C5"]
    c4 = results["per_level"]["C4"]
    expected = {"num": 2, "identification_rate": 0.5, "labelled_identification_rate": 0.0, "dice_identified": 0.8, "dice_all": 0.4}
    assert {key: value(c4, key) for key in expected} == pytest.approx(expected)
    assert set(c4) == {"num", *VERTEBRA_METRICS}


def test_views(results):
    assert list(results["per_view"]) == ["lateral_cervical", "lateral_lumbar"]
    assert value(results, "per_view", "lateral_cervical", "identification_rate") == pytest.approx(2 / 3)
    assert value(results, "per_view", "lateral_cervical", "false_positives_per_image") == 1
    assert value(results, "per_view", "lateral_lumbar", "num_failures") == 1


def test_readers_are_those_who_are_named():
    truth = [square(0, "C3"), square(20, "C4")]
    films = [record(name, truth, truth[:found]) for name, found in (("a", 2), ("b", 1), ("c", 0))]
    results = compute_metrics([replace(films[0], reader="second"), replace(films[1], reader="first"), films[2]])
    assert list(results["per_reader"]) == ["first", "second"]
    assert value(results, "per_reader", "first", "identification_rate") == 0.5
    assert value(results, "per_reader", "second", "num_images") == 1


def test_undefined_is_none_and_missed_is_zero(results):
    failed = results["per_view"]["lateral_lumbar"]
    assert value(failed, "dice_identified") is None
    assert [value(failed, key) for key in ("identification_rate", "dice_all")] == [0, 0]


def test_no_film_at_all():
    results = compute_metrics([])
    assert {results[key]["value"] for key in VERTEBRA_METRICS | FILM_METRICS} == {None}
    assert {results[key]["ci95"] for key in VERTEBRA_METRICS | FILM_METRICS} == {None}
    assert [results[key] for key in ("num_images", "num_patients", "num_vertebrae", "num_failures")] == [0, 0, 0, 0]
    assert results["per_level"] == results["per_view"] == results["per_reader"] == results["confusion"] == {}
    assert results["calibration"] == {"expected_calibration_error": {"value": None, "ci95": None}, "bins": []}


def test_distances_of_matched_vertebrae_in_pixels_and_mm():
    """The second film has no spacing; the missed vertebra is in no distance."""
    truth = [square(0, "C3"), square(20, "C4")]
    films = [record("a", truth, [square(0, "C3", shift=2)], spacing_mm=0.5), record("b", truth, [square(0, "C3", shift=4)])]
    results = compute_metrics(films)
    assert value(results, "centroid_error_px") == pytest.approx(3.0) and value(results, "centroid_error_mm") == pytest.approx(1.0)
    assert value(results, "hd95_px") == pytest.approx(3.0) and value(results, "hd95_mm") == pytest.approx(1.0)
    assert value(results, "surface_distance_mm") == pytest.approx(films[0].vertebrae[0].surface_distance / 2)
    assert value(results, "per_level", "C4", "hd95_px") is None


@pytest.mark.parametrize(
    ("found", "mistakes"),
    [
        (["C3", "C4", "C5"], {}),
        (["C4", "C5", "C6"], {"all_correct_films": 0, "shifted_films": 1}),
        (["C2", "C3", "C4"], {"all_correct_films": 0, "shifted_films": 1}),
        (["C3", "C4", "C4"], {"all_correct_films": 0}),
        (["C4", "C5", "C5"], {"all_correct_films": 0}),
        (["C4"], {"all_correct_films": 0, "shifted_films": None}),
        (["C3", "C4", None], {"all_correct_films": 0}),
    ],
    ids=str,
)
def test_mistakes_of_a_whole_film(found, mistakes):
    truth = [square(20 * i, level) for i, level in enumerate(("C3", "C4", "C5"))]
    results = compute_metrics([record("a", truth, [square(20 * i, level) for i, level in enumerate(found)])])
    expected = {"all_correct_films": 1, "shifted_films": 0} | mistakes
    assert {key: value(results, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("truth", "found", "shifted"),
    [
        (["T11", "T12", "L1", "L2", "L3"], ["T12", "L1", "L2", "L3", "L4"], 1),
        (["L3", "L4", "L5", "S1"], ["L2", "L3", "L4", "L5"], 1),
        (["T11", "T12", "T13", "L1"], ["T12", "T13", "L1", "L2"], 1),
        (["T11", "T12", "T13", "L1"], ["T11", "T12", "L1", "L2"], 0),
        (["T11", "T12", "L1", "L2"], ["T11", "T12", "L2", "L3"], 0),
        (["L3", "L4", "S1"], ["L2", "L3", "L4"], 1),
        (["T10", "T11", "L1"], ["T9", "T10", "T11"], 1),
        (["T10", "T11", "L1", "L2"], ["T11", "L1", "L2", "L3"], 1),
        (["L3", "L4", "S1"], ["L3", "L4", "L5"], 0),
        (["L3", "L4", "S1"], ["L4", "L5", "S1"], 0),
        (["L1", "L2"], ["T11", "L1"], 0),
    ],
    ids=str,
)
def test_regions_do_not_hide_that_a_film_is_off_by_one(truth, found, shifted):
    film = record("a", [square(20 * i, level) for i, level in enumerate(truth)], [square(20 * i, level) for i, level in enumerate(found)])
    assert value(compute_metrics([film]), "shifted_films") == shifted


def test_a_level_that_was_missed_is_not_absent():
    """T12 is there: L1 called T11 is off by two."""
    truth = [square(20 * i, level) for i, level in enumerate(("T11", "T12", "L1"))]
    film = record("a", truth, [square(0, "T10"), square(40, "T11")])
    assert offsets(film) == [-1, -2]


def test_films_without_levels():
    truth = [square(0, None), square(20, None)]
    nothing = compute_metrics([record("a", truth, [], Failure.TOO_FEW_DETECTIONS)])
    assert (value(nothing, "all_correct_films"), value(nothing, "shifted_films")) == (0, None)
    assert value(compute_metrics([record("a", truth, [square(0, "C3"), square(20, "C4")])]), "all_correct_films") == 1


def test_a_false_positive_is_a_mistake():
    truth = [square(0, "C3")]
    results = compute_metrics([record("a", truth, [square(0, "C3"), square(40, None)])])
    assert value(results, "all_correct_films") == 0 and value(results, "labelled_identification_rate") == 1


def test_confusion_of_levels():
    truth = [square(0, "C3"), square(20, "C4"), square(40, "C5"), square(60, None)]
    found = [square(0, "C3"), square(20, "C5"), square(40, None), square(60, "C6")]
    assert compute_metrics([record("a", truth, found)])["confusion"] == {"C3": {"C3": 1}, "C4": {"C5": 1}, "C5": {"unknown": 1}}


def test_intervals_are_by_patient():
    """Four films of one patient say no more than one."""
    truth, wrong = [square(0, "C3"), square(20, "C4")], [square(0, "C3"), square(20, "C5")]
    patients = [("p", truth), ("q", truth), ("r", wrong)]
    once = compute_metrics([record(f"{name}", truth, found, patient_id=name) for name, found in patients])
    often = compute_metrics([record(f"{name}{i}", truth, found, patient_id=name) for name, found in patients for i in range(4)])
    assert once["labelled_identification_rate"] == often["labelled_identification_rate"]
    low, high = once["labelled_identification_rate"]["ci95"]
    assert (low, high) == (0.5, 1.0) and once["num_patients"] == often["num_patients"] == 3 and often["num_images"] == 12
    assert compute_metrics([record("a", truth, truth)])["labelled_identification_rate"]["ci95"] is None


def test_nothing_depends_on_the_order_of_films():
    rng = np.random.default_rng(0)
    films = []
    for index in range(12):
        truth = [square(20 * i, level) for i, level in enumerate(("C3", "C4", "C5"))]
        found = [square(20 * i, level, int(rng.integers(0, 5))) for i, level in enumerate(rng.choice(["C3", "C4", "C5"], 3))]
        films.append(record(f"{index}", truth, found, patient_id=str(index // 2)))
    assert compute_metrics(films) == compute_metrics(films[::-1])


def test_the_papers_protocol():
    """Any mask above 0.4, also for two vertebrae, and what is left over is free."""
    truth = [square(0, "C3"), square(8, "C4")]
    tall = Vertebra(np.ones((18, 10), dtype=bool), (20, 0), (25.0, 9.0), "C3")
    paper = Protocol(one_to_one=False, count_spurious=False)
    strict, free = (compute_metrics([record("a", truth, [tall, square(60, "C6")], protocol=each)]) for each in (OURS, paper))
    assert value(strict, "identification_rate") == 0.5 and value(strict, "false_positives_per_image") == 1
    assert value(free, "identification_rate") == 1.0 and value(free, "false_positives_per_image") is None
    assert value(free, "dice_identified") == pytest.approx(2 * 100 / 280)
    right = compute_metrics([record("a", truth, [*truth, square(60, "C6")], protocol=paper)])
    assert value(right, "all_correct_films") == 1 and right["calibration"]["expected_calibration_error"]["value"] == 0
    assert value(compute_metrics([record("a", truth, [], protocol=paper)]), "identification_rate") == 0


def test_one_shifted_chain_identifies_all_and_labels_none():
    levels = ["C3", "C4", "C5", "C6", "C7"]
    truth = [square(20 * i, level) for i, level in enumerate(levels[:-1])]
    found = [square(20 * i, level) for i, level in enumerate(levels[1:])]
    results = compute_metrics([record("a", truth, found)])
    assert value(results, "identification_rate") == 1
    assert value(results, "labelled_identification_rate") == 0


def test_unknown_levels_of_the_truth_are_not_label_mistakes():
    results = compute_metrics([record("a", [square(0, "C3"), square(20, None)], [square(0, "C3"), square(20, "C4")])])
    assert value(results, "labelled_identification_rate") == 1
    assert value(results, "per_level", "unknown", "labelled_identification_rate") is None
    assert value(results, "per_level", "unknown", "num") == 1


def test_an_unlabelled_prediction_is_not_the_right_level():
    results = compute_metrics([record("a", [square(0, "C3"), square(20, None)], [square(0, None), square(20, None)])])
    assert value(results, "labelled_identification_rate") == 0


def test_dice_agrees_with_torchmetrics():
    rng = np.random.default_rng(0)
    first, second = rng.random((40, 30)) < 0.7, rng.random((40, 30)) < 0.7
    truth, found = Vertebra(first, (0, 0), (15.0, 20.0), "L1"), Vertebra(second, (0, 0), (15.0, 20.0), "L1")
    expected = binary_f1_score(torch.from_numpy(second).int(), torch.from_numpy(first).int()).item()
    assert value(compute_metrics([record("a", [truth], [found])]), "dice_identified") == pytest.approx(expected, abs=1e-6)


def test_films_without_annotation_are_an_error():
    with pytest.raises(ValueError, match=r"film `a` to be annotated.*infer\.py"):
        record("a", [], [square(0, "C3")])


def test_the_spine_of_another_film_is_an_error():
    radiograph = Radiograph("a", np.zeros((100, 60), dtype=np.uint8), (square(0, "C3"),))
    with pytest.raises(ValueError, match="film `a`, but got that of `b`"):
        record_film(radiograph, Spine("b", (100, 60)))
    with pytest.raises(ValueError, match=r"\(100, 60\), but got \(50, 30\)"):
        record_film(radiograph, Spine("a", (50, 30)))
