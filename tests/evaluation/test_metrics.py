"""Metrics against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_f1_score

from spinefm.evaluation.metrics import compute_metrics
from spinefm.evaluation.records import record_film
from spinefm.structures import Failure, Radiograph, Spine, Vertebra, View


def square(y, level, shift=0):
    return Vertebra(np.ones((10, 10), dtype=bool), (20 + shift, y), (25.0 + shift, y + 5.0), level)


def record(film_id, truth, found, failure=None, view=View.LATERAL_CERVICAL):
    radiograph = Radiograph(film_id, np.zeros((100, 60), dtype=np.uint8), tuple(truth), view)
    return record_film(radiograph, Spine(film_id, (100, 60), tuple(found), failure))


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
    assert {key: value(c4, key) for key in c4} == pytest.approx(
        {"num": 2, "identification_rate": 0.5, "labelled_identification_rate": 0.0, "dice_identified": 0.8, "dice_all": 0.4}
    )


def test_views(results):
    assert list(results["per_view"]) == ["lateral_cervical", "lateral_lumbar"]
    assert value(results, "per_view", "lateral_cervical", "identification_rate") == pytest.approx(2 / 3)
    assert value(results, "per_view", "lateral_cervical", "false_positives_per_image") == 1
    assert value(results, "per_view", "lateral_lumbar", "num_failures") == 1


def test_undefined_is_none_and_missed_is_zero(results):
    failed = results["per_view"]["lateral_lumbar"]
    assert value(failed, "dice_identified") is None
    assert [value(failed, key) for key in ("identification_rate", "dice_all")] == [0, 0]


def test_no_film_at_all():
    results = compute_metrics([])
    assert {key: value(results, key) for key in results if not key.startswith("per_")} == {
        "identification_rate": None,
        "labelled_identification_rate": None,
        "dice_identified": None,
        "dice_all": None,
        "false_positives_per_image": None,
        "num_images": 0,
        "num_vertebrae": 0,
        "num_failures": 0,
    }
    assert results["per_level"] == results["per_view"] == {}


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
