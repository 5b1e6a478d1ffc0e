"""Two evaluations against numbers worked out by hand, and from the command line."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from spinefm.evaluation import compare as script
from spinefm.evaluation.compare import Evaluation, compare
from spinefm.evaluation.evaluator import Evaluator
from spinefm.evaluation.matching import OURS, Protocol
from spinefm.running.failures import run_script
from spinefm.structures import Radiograph, Spine, Vertebra, View
from tests import scoliosis

LEVELS = ("C3", "C4", "C5", "C6")


def square(index, level, shift=0):
    return Vertebra(np.ones((10, 10), dtype=bool), (20 + shift, 20 * index), (25.0 + shift, 20.0 * index + 5), level)


def evaluated(folder, shifts, patients=1, protocol=OURS):
    """Films whose vertebrae were found so many pixels beside; None is a film without any; every other one has a false positive."""
    evaluator = Evaluator(protocol=protocol)
    for number, shift in enumerate(shifts):
        truth = tuple(square(index, level) for index, level in enumerate(LEVELS))
        film = Radiograph(f"{number:03d}", np.zeros((200, 60), dtype=np.uint8), truth, patient_id=f"p{number // patients}")
        found = () if shift is None else tuple(square(index, level, shift) for index, level in enumerate(LEVELS))
        extra = (square(7, "T3"),) if number % 2 and shift else ()
        evaluator.update(film, Spine(film.film_id, film.size, found + extra))
    evaluator.write(folder, {})
    return folder


def run(*arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "0")
        patch.setattr(sys, "argv", ["compare", *map(str, arguments)])
        run_script(script.main)


def read(folder):
    return script.read_evaluation(folder)


def test_differences_film_by_film(tmp_path):
    """Dice is 1 - shift / 10."""
    first, second = evaluated(tmp_path / "a", [2, 2, 4, None]), evaluated(tmp_path / "b", [0, 2, 5, 1])
    found = compare(read(first), read(second))
    dice = found["dice_all"]
    assert (dice.first, dice.second) == (pytest.approx((0.8 + 0.8 + 0.6 + 0) / 4), pytest.approx((1 + 0.8 + 0.5 + 0.9) / 4))
    assert dice.difference == pytest.approx(dice.second - dice.first) and (dice.higher, dice.lower) == (2, 1)
    assert dice.p_value == pytest.approx(wilcoxon([0.2, 0, -0.1, 0.9]).pvalue)
    low, high = dice.ci95
    assert low < dice.difference < high
    assert found["identification_rate"].difference == pytest.approx(0.25)
    assert (found["false_positives_per_image"].first, found["false_positives_per_image"].second) == (0.25, 0.5)


def test_equal_evaluations_differ_in_nothing(tmp_path):
    folder = evaluated(tmp_path / "a", [1, 2, 3])
    for one in compare(read(folder), read(folder)).values():
        assert (one.difference, one.ci95, one.p_value, one.higher, one.lower) == (0.0, None, None, 0, 0)


def test_films_of_one_patient_count_together(tmp_path):
    rng = np.random.default_rng(0)
    shifts = [rng.integers(0, 6, 24).tolist() for _ in range(2)]
    alone, together = (
        compare(*(read(evaluated(tmp_path / f"{patients}{name}", its, patients)) for name, its in zip("ab", shifts, strict=True)))[
            "dice_all"
        ]
        for patients in (1, 12)
    )
    assert alone.difference == together.difference and alone.ci95 != together.ci95
    # Two patients alone cannot make a difference significant, however many films they have.
    assert together.p_value >= 0.5 > alone.p_value


def test_equal_differences_of_rates_are_ties():
    """5/6 - 4/6 and 2/6 - 1/6 are not the same float."""

    def table(rates):
        rows = [(str(film), str(film), i < hits, i < hits) for film, hits in enumerate(rates) for i in range(6)]
        columns = {"true_x": 1.0, "true_y": 1.0, "true_level": "C3", "dice": 0.5}
        return pd.DataFrame(rows, columns=["film_id", "patient_id", "identified", "labelled"]).assign(**columns)

    first, second = [4, 1, 3, 2, 5, 0, 4, 2], [5, 2, 2, 4, 6, 1, 3, 5]
    exact = (np.array(second) - np.array(first)) / 6
    found = compare(Evaluation(table(first)), Evaluation(table(second)))
    assert found["identification_rate"].p_value == pytest.approx(wilcoxon(exact.round(6)).pvalue)


def test_patients_and_films_may_be_called_na(tmp_path):
    film = Radiograph("None", np.zeros((200, 60), dtype=np.uint8), (square(0, "C3"),), patient_id="NA")
    other = Radiograph("null", np.zeros((200, 60), dtype=np.uint8), (square(0, "C3"),), patient_id="p")
    for name, found in (("a", ()), ("b", (square(0, "C3"),))):
        evaluator = Evaluator()
        evaluator.update(film, Spine("None", film.size, found))
        evaluator.update(other, Spine("null", film.size, ()))
        evaluator.write(tmp_path / name, {})
    dice = compare(read(tmp_path / "a"), read(tmp_path / "b"))["dice_all"]
    assert dice.difference == 0.5 and dice.ci95 is not None and dice.higher == 1


def test_films_without_levels_have_no_rate_of_levels(tmp_path, capsys):
    film = Radiograph("a", np.zeros((200, 60), dtype=np.uint8), (square(0, None),))
    evaluator = Evaluator()
    evaluator.update(film, Spine("a", film.size, (square(0, "C3"),)))
    evaluator.write(tmp_path, {})
    assert compare(read(tmp_path), read(tmp_path))["labelled_identification_rate"].difference is None
    run(tmp_path, tmp_path)
    assert "nan" not in capsys.readouterr().out


def test_from_the_command_line(tmp_path, capsys):
    run(evaluated(tmp_path / "ours", [0, 1, 2]), evaluated(tmp_path / "theirs", [1, 2, 3]))
    told = capsys.readouterr().out
    assert "Dice" in told and "-0.100" in told and "…" not in told


def test_what_cannot_be_compared_is_named(tmp_path):
    first, shorter = evaluated(tmp_path / "a", [0, 1, 2]), evaluated(tmp_path / "b", [0, 1])
    with pytest.raises(SystemExit, match=r"same films, but only one has \['002'\]"):
        run(first, shorter)
    with pytest.raises(SystemExit, match=r"has no `vertebrae.csv`"):
        run(first, tmp_path)
    with pytest.raises(SystemExit, match=r"in `.*absent`, but there is no such folder\. Give the `output` of evaluate\.py\.$"):
        run(first, tmp_path / "absent")
    pd.DataFrame({"film_id": ["000"]}).to_csv(tmp_path / "vertebrae.csv")
    with pytest.raises(SystemExit, match=r"`patient_id` in .*vertebrae.csv`, but it is of an older version"):
        run(first, tmp_path)
    pd.DataFrame({"film_id": ["000"]}).to_csv(first / "angles.csv")
    with pytest.raises(SystemExit, match=r"`error_deg` in .*angles.csv`, but it is of an older version"):
        run(first, first)


def test_evaluations_by_two_protocols_are_not_compared(tmp_path):
    ours, paper = evaluated(tmp_path / "a", [0, 1]), evaluated(tmp_path / "b", [0, 1], protocol=Protocol(count_spurious=False))
    with pytest.raises(ValueError, match=r"one protocol, but got .*spurious': True.* and .*spurious': False.*`evaluation=`"):
        compare(read(ours), read(paper))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda rows: rows.assign(true_x=rows.true_x + 1), True),
        (lambda rows: rows.assign(true_y=rows.true_y - 1), True),
        (lambda rows: rows.assign(true_level=rows.true_level.replace("C4", None)), True),
        (lambda rows: rows[rows.true_level != "C4"], True),
        (lambda rows: rows.assign(true_x=rows.true_x + 1e-4), False),
        (lambda rows: rows.assign(predicted_level="C4"), False),
    ],
    ids=["beside", "above", "other level", "fewer", "rounded", "found otherwise"],
)
def test_evaluations_by_two_truths_are_not_compared(tmp_path, change, refused):
    """Such as by two readers of the same films."""
    first = read(evaluated(tmp_path, [0, 1, 2]))
    second = replace(first, vertebrae=pd.concat([first.vertebrae[:4], change(first.vertebrae[4:])]))
    if not refused:
        assert compare(first, second)["dice_all"].difference == 0
        return
    for pair in ((first, second), (second, first)):
        with pytest.raises(ValueError, match=r"one truth, but got other true vertebrae on \['001', '002'\]\. Evaluate both on the same"):
            compare(*pair)


def test_false_positives_that_are_free_are_not_compared(tmp_path):
    first, second = (evaluated(tmp_path / name, [0, 1], protocol=Protocol(count_spurious=False)) for name in ("a", "b"))
    assert "false_positives_per_image" not in compare(read(first), read(second))
    older = replace(read(first), protocol=None)
    assert "false_positives_per_image" not in compare(older, read(second))
    assert "false_positives_per_image" not in compare(read(first), older)


def test_cobb_angles_are_compared_film_by_film(tmp_path, capsys):
    """The first evaluation lacks L5 of film a and finds nothing on b; the second one finds all. Nobody knows the angles of c."""
    known = (42.0, 18.0, 30.0)
    for name, spines in (("a", (scoliosis.spine()[:-1], [], scoliosis.spine())), ("b", (scoliosis.spine(),) * 3)):
        evaluator = Evaluator()
        for film_id, found, angles in zip("abc", spines, (known, known, None), strict=True):
            truth = tuple(scoliosis.spine())
            film = Radiograph(film_id, np.zeros(scoliosis.SIZE, dtype=np.uint8), truth, View.AP_SPINE, cobb_angles=angles)
            evaluator.update(film, Spine(film_id, film.size, tuple(found)))
        evaluator.write(tmp_path / name, {})
    found = compare(read(tmp_path / "a"), read(tmp_path / "b"))
    assert found["dice_identified"].difference == 0
    assert found["cobb_mae"].difference == pytest.approx(0, abs=0.5) and found["cobb_smape"].difference is None
    assert found["cobb_mae_all"].first == pytest.approx(21, abs=0.5) and found["cobb_mae_all"].second == pytest.approx(0, abs=0.5)
    assert found["cobb_smape_all"].difference == pytest.approx(-50, abs=5)
    run(tmp_path / "a", tmp_path / "b")
    assert "SMAPE" in capsys.readouterr().out
    report = (tmp_path / "a" / "report.html").read_text()
    assert "Cobb angle off by 42.0°, not measured" in report and report.count("Cobb angle off by") == 2
