"""Tables over all films of an inference."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spinefm.export.films import spine_to_dict
from spinefm.export.tables import OF_CURVES, OF_FILMS, FilmRows, write_tables
from spinefm.measurements.spine import measure_spine
from spinefm.structures import Direction, Failure, Radiograph, Spine, StopReason, View
from tests.scoliosis import SIZE
from tests.scoliosis import spine as bent_spine
from tests.scripts import ROOT

STOPS = {Direction.UP: StopReason.LANDMARK, Direction.DOWN: StopReason.BORDER}
LEFT_OUT = "No curve is measured: at least two vertebrae between T1 and L5 are needed, but there are 0."


def rows_of(film_id, vertebrae=(), doubts=(), **found):
    film, spine = Radiograph(film_id, np.zeros(SIZE, np.uint8), view=View.AP_SPINE), Spine(film_id, SIZE, tuple(vertebrae), **found)
    return FilmRows.of(spine_to_dict(film, spine, measure_spine(spine.vertebrae, film.view), {"doubts": list(doubts)}))


@pytest.fixture
def tables(tmp_path):
    """Of a bent spine, a straight one, one that was not found, and a film that cannot be read; in another order than they are to stand."""
    bent = bent_spine(np.where(np.arange(17) < 8, 20.0, -20.0))
    unsure = [replace(vertebra, level=None, confidence=0.5) for vertebra in bent[:1]]
    straight = bent_spine(np.zeros(17))
    found = [
        rows_of("none", failure=Failure.TOO_FEW_DETECTIONS),
        rows_of("straight", straight, stops=STOPS, turned_over=True),
        rows_of("bent", [*unsure, *bent[1:]], ["1 of unknown level", "another sign"]),
    ]
    write_tables(tmp_path, ["cut", "bent", "straight", "none"], found, {"cut": "It cannot be read.", "none": "Nothing there."})
    return [pd.read_csv(tmp_path / f"{name}.csv") for name in ("summary", "measurements")]


def test_every_film_has_a_row_of_the_summary(tables):
    summary = tables[0].set_index("film_id")
    assert (*tables[0],) == OF_FILMS and summary.index.tolist() == ["cut", "bent", "straight", "none"]
    assert summary.vertebrae.tolist()[1:] == [17, 17, 0] and summary.unknown_levels.tolist()[1:] == [1, 0, 0]
    assert summary.least_confidence["bent"] == 0.5 and summary.mean_confidence["bent"] == pytest.approx(16.5 / 17, abs=1e-4)
    assert pd.isna(summary["first"]["bent"]) and summary["last"]["bent"] == "L5" and summary["first"]["straight"] == "T1"
    assert summary.stop_up["straight"] == "landmark" and summary.stop_down["straight"] == "border" and pd.isna(summary.stop_up["bent"])
    assert summary.doubts.fillna("").tolist() == ["", "1 of unknown level; another sign", "", ""]
    assert summary.dark_bone.tolist()[1:] == [False, True, False]
    assert summary.failure.fillna("").tolist() == ["It cannot be read.", "", "", "too_few_detections"]


def test_every_film_has_a_row_of_measurements(tables):
    measured = tables[1]
    assert (*measured,) == OF_CURVES
    (curve,) = measured[measured.angle_deg.notna()].to_dict("records")
    assert curve["film_id"] == "bent" and curve["angle_deg"] == pytest.approx(40, abs=1) and curve["direction"] == "left"
    told = measured[measured.angle_deg.isna()].groupby("film_id").remark.apply(list)
    assert told["cut"] == ["It cannot be read."] and told["straight"] == ["No curve of at least 10 degrees."]
    assert told["none"] == ["No spine was found: too few vertebrae were detected to begin with.", LEFT_OUT]


def test_a_film_that_is_read_and_fails_keeps_its_rows(tables):
    assert tables[0].film_id.is_unique and "Nothing there." not in tables[1].remark.tolist()


def test_every_column_of_the_summary_is_explained():
    explained = (ROOT / "docs" / "infer.md").read_text()
    assert not [column for column in OF_FILMS if not re.search(rf"`{column}`", explained)]
