"""Calibration, by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_calibration_error

from spinefm.evaluation.calibration import calibration
from spinefm.evaluation.records import FilmRecord, VertebraRecord
from spinefm.structures import View


def row(confidence, right, place=1.0):
    return VertebraRecord("C3", "C3" if right else "C4", 0.8, confidence, (1.0, place), (1.0, place))


def of_one_film(*rows, patient="p"):
    return FilmRecord("a", View.AP_SPINE, patient, vertebrae=rows)


def error(*rows):
    return calibration([of_one_film(*rows)])["expected_calibration_error"]


def test_error_and_bins():
    """Four sure ones, of which three are right; two of little confidence, of which one is."""
    sure, unsure = [(0.95, True), (0.95, True), (0.95, True), (0.95, False)], [(0.3, True), (0.35, False)]
    result = calibration([of_one_film(*(row(*each, float(place)) for place, each in enumerate(sure + unsure)))])
    assert result["expected_calibration_error"]["value"] == pytest.approx(4 / 6 * 0.2 + 2 / 6 * (0.5 - 0.325))
    assert [(each["low"], each["num"], each["right"]) for each in result["bins"]] == [(0.3, 2, 0.5), (0.9, 4, 0.75)]
    assert [each["confidence"] for each in result["bins"]] == pytest.approx([0.325, 0.95])


def test_false_positives_are_wrong_and_missed_vertebrae_have_no_confidence():
    spurious = VertebraRecord(None, "C4", confidence=1.0, predicted_centroid=(1.0, 1.0))
    missed = VertebraRecord("C3", true_centroid=(1.0, 1.0))
    assert error(spurious, missed)["value"] == pytest.approx(1.0)


def test_where_the_true_level_is_unknown_the_mask_decides():
    found = VertebraRecord(None, "C4", 0.8, 1.0, (1.0, 1.0), (1.0, 1.0))
    assert error(found)["value"] == pytest.approx(0.0)


def test_a_prediction_that_stands_for_two_vertebrae_counts_once():
    """With its level right for one of them."""
    assert calibration([of_one_film(row(0.9, True), row(0.9, False))])["bins"] == [
        {"low": 0.9, "high": 1.0, "num": 1, "confidence": 0.9, "right": 1.0}
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=40))
def test_the_error_is_torchmetrics(pairs):
    """But on the edges of bins, which belong to the upper one here."""
    pairs = [(confidence, right) for confidence, right in pairs if abs(10 * confidence - round(10 * confidence)) > 1e-6] or [(0.55, True)]
    ours = error(*(row(*pair, float(place)) for place, pair in enumerate(pairs)))["value"]
    confidences, right = torch.tensor([pair[0] for pair in pairs]).double(), torch.tensor([int(pair[1]) for pair in pairs])
    assert ours == pytest.approx(float(binary_calibration_error(confidences, right, n_bins=10)), abs=1e-6)


def test_the_interval_is_by_patient():
    rng = np.random.default_rng(0)
    films = [of_one_film(*(row(0.8, rng.random() < 0.6, float(i)) for i in range(9)), patient=str(p)) for p in range(30)]
    found = calibration(films)["expected_calibration_error"]
    low, high = found["ci95"]
    assert low < found["value"] < high < low + 0.25
    assert calibration(films[::-1])["expected_calibration_error"] == found
    assert calibration(films[:1])["expected_calibration_error"]["ci95"] is None
