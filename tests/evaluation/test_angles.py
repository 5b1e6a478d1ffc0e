"""Cobb angles that were found against known ones: which are measured, and what comes of them."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from spinefm.evaluation.angles import AngleRecord, record_angles
from spinefm.evaluation.evaluator import Evaluator
from spinefm.evaluation.metrics import ANGLE_METRICS, compute_metrics
from spinefm.evaluation.tables import angles_table
from spinefm.measurements.spine import measure_spine
from spinefm.structures import Failure, Radiograph, Spine, View
from tests.scoliosis import LEVELS, SIZE, spine

KNOWN = (42.0, 18.0, 30.0)


def film(film_id="a", angles=KNOWN):
    return Radiograph(film_id, np.zeros(SIZE, dtype=np.uint8), tuple(spine()), View.AP_SPINE, cobb_angles=angles)


def record(found):
    return record_angles(KNOWN, measure_spine(found), SIZE[0])


def without(*missing):
    return [vertebra for vertebra in spine() if vertebra.level not in missing]


def test_a_whole_spine_has_its_three_angles():
    angles = record(spine())
    assert angles.found == pytest.approx(KNOWN, abs=0.5) and angles.is_measured and angles.is_complete
    assert angles.error_deg < 0.5 and angles.smape_percent < 1


@pytest.mark.parametrize(
    ("missing", "left_out"),
    [
        (["T1", "T2"], None),
        (["T8", "L4", "L5"], None),
        (["T5"], "T5, next to T6, is missing"),
        (["T6"], "T6, next to T7, is missing"),
        (["L2", "L3", "L4", "L5"], "4 of 17 vertebrae are missing"),
        (LEVELS[1:], "16 of 17 vertebrae are missing"),
        (LEVELS, "17 of 17 vertebrae are missing"),
    ],
    ids=str,
)
def test_what_is_missing_decides_what_is_measured(missing, left_out):
    angles = record(without(*missing))
    assert angles.left_out == left_out and angles.missing == tuple(missing) and not angles.is_complete
    if left_out is None:
        assert angles.found[0] == pytest.approx(KNOWN[0], abs=0.5)
    if len(missing) > 15:
        assert angles.found == (0, 0, 0)


def test_a_spine_off_by_one_level_lacks_one():
    shifted = spine(levels=("C7", *LEVELS[:-1]))
    angles = record(shifted)
    assert angles.missing == ("L5",) and angles.found[0] == pytest.approx(KNOWN[0], abs=0.5)


def test_smape_is_of_all_three():
    assert AngleRecord((40, 20, 10), (30, 20, 20), None, ()).smape_percent == pytest.approx(100 * 20 / 140)
    assert AngleRecord((0, 0, 0), (0, 0, 0), None, ()).smape_percent == 0
    assert AngleRecord((40, 20, 10), (0, 0, 0), None, ()).smape_percent == 100


@pytest.fixture
def evaluator():
    """A whole spine, one without L5, one that failed, and a film whose angles nobody knows."""
    evaluator = Evaluator()
    evaluator.update(film("a"), Spine("a", SIZE, tuple(spine())))
    evaluator.update(film("b", (44.0, 18.0, 30.0)), Spine("b", SIZE, tuple(without("L5"))))
    evaluator.update(film("c"), Spine("c", SIZE, failure=Failure.TOO_FEW_DETECTIONS))
    evaluator.update(film("d", None), Spine("d", SIZE, tuple(spine())))
    return evaluator


def test_metrics_name_how_many_films_they_are_of(evaluator):
    results = evaluator.compute()
    assert [results[key] for key in ("num_cobb_images", "num_cobb_measured", "num_cobb_complete")] == [3, 2, 1]
    values = {key: results[key]["value"] for key in ANGLE_METRICS}
    assert values["cobb_mae"] == pytest.approx(1, abs=0.5) and values["cobb_mae_all"] == pytest.approx((0 + 2 + 42) / 3, abs=0.5)
    assert values["cobb_smape"] < 1 and values["cobb_smape_all"] > 100 / 3
    assert values["cobb_measured_films"] == pytest.approx(2 / 3) and values["cobb_complete_films"] == pytest.approx(1 / 3)
    assert results["cobb_mae_all"]["ci95"] is not None and results["cobb_smape"]["ci95"] is None
    assert results["per_view"]["ap_spine"]["cobb_mae"] == results["cobb_mae"]


def test_the_table_the_files_and_the_report(evaluator, tmp_path, capsys):
    results = evaluator.write(tmp_path, {})
    Console(width=150).print(angles_table(results))
    told = capsys.readouterr().out
    assert re.search(r"SMAPE, %, all images.*│ 3 +│", told) and re.search(r"SMAPE, % .*│ 1 +│", told) and "of 3 images" in told
    rows = pd.read_csv(tmp_path / "angles.csv").set_index("film_id")
    assert list(rows.index) == ["a", "b", "c"] and rows.measured.tolist() == [True, True, False]
    assert rows.loc["b", "missing"] == "L5" and rows.loc["c", "left_out"] == "17 of 17 vertebrae are missing"
    assert rows.loc["a", "found_largest_deg"] == pytest.approx(42, abs=0.5) and rows.loc["b", "true_largest_deg"] == 44
    report = (tmp_path / "report.html").read_text()
    assert report.count("data:image/svg") == 4 and "2 of 3." in report
    assert "<td>c</td><td>42.0°</td><td>0.0°</td><td>17 of 17 vertebrae are missing</td>" in report


def test_where_no_angles_are_known_nothing_speaks_of_them(tmp_path):
    evaluator = Evaluator()
    evaluator.update(film("d", None), Spine("d", SIZE, tuple(spine())))
    results = evaluator.write(tmp_path, {})
    assert angles_table(results) is None and not (tmp_path / "angles.csv").exists()
    assert "cobb" not in json.dumps(results).lower() and "Cobb" not in (tmp_path / "report.html").read_text()
    assert not set(ANGLE_METRICS) & set(compute_metrics([]))


def test_angles_of_films_without_a_measured_one_are_drawn(tmp_path):
    evaluator = Evaluator()
    evaluator.update(film("c"), Spine("c", SIZE, failure=Failure.TOO_FEW_DETECTIONS))
    results = evaluator.write(tmp_path, {})
    assert results["cobb_mae"] == {"value": None, "ci95": None} and "0 of 1." in (tmp_path / "report.html").read_text()
