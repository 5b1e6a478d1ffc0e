"""Calibration, by hand."""

import pytest

from spinefm.evaluation.calibration import calibration
from spinefm.evaluation.records import VertebraRecord


def row(confidence, right):
    return VertebraRecord("C3", "C3" if right else "C4", 0.8, confidence, (1.0, 1.0), (1.0, 1.0))


def test_error_and_bins():
    """Four sure ones, of which three are right; two of little confidence, of which one is."""
    rows = [row(0.95, True), row(0.95, True), row(0.95, True), row(0.95, False), row(0.3, True), row(0.35, False)]
    result = calibration(rows)
    assert result["expected_calibration_error"]["value"] == pytest.approx(4 / 6 * 0.2 + 2 / 6 * (0.5 - 0.325))
    assert [(each["low"], each["num"], each["right"]) for each in result["bins"]] == [(0.3, 2, 0.5), (0.9, 4, 0.75)]
    assert [each["confidence"] for each in result["bins"]] == pytest.approx([0.325, 0.95])


def test_false_positives_are_wrong_and_missed_vertebrae_have_no_confidence():
    spurious = VertebraRecord(None, "C4", confidence=1.0, predicted_centroid=(1.0, 1.0))
    missed = VertebraRecord("C3", true_centroid=(1.0, 1.0))
    assert calibration([spurious, missed])["expected_calibration_error"]["value"] == pytest.approx(1.0)


def test_where_the_true_level_is_unknown_the_mask_decides():
    found = VertebraRecord(None, "C4", 0.8, 1.0, (1.0, 1.0), (1.0, 1.0))
    assert calibration([found])["expected_calibration_error"]["value"] == pytest.approx(0.0)
