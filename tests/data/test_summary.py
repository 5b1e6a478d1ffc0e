"""The summary counts films and what is on them, by split and in all."""

from dataclasses import replace

from spinefm.data.dataset import Inspection
from spinefm.data.summary import Summary
from spinefm.structures import Landmark, View


def rows(*inspections):
    summary = Summary()
    for inspection in inspections:
        summary.add(inspection)
    return summary.columns, {heading: values for heading, *values in summary.rows()}


def test_everything_is_counted_by_split(make_film):
    film = make_film(levels=("L1", "L2", None))
    marked = replace(
        film,
        view=View.LATERAL_LUMBAR,
        reader="anna",
        spacing_mm=0.25,
        patient_id="p",
        landmarks=(Landmark("S1", "top left", (1.0, 2.0)),) * 2,
    )
    columns, counted = rows(
        Inspection("a", "train", film),
        Inspection("b", "train", replace(marked, spacing_mm=0.5)),
        Inspection("c", "test", marked),
        Inspection("d", "test", None),
        Inspection("e", None, replace(film, pixels=film.pixels[:100])),
    )
    assert columns == ("train", "test", "in no split", "all")
    assert counted["read by anna"] == ["1", "1", "0", "2"]
    assert counted["films"] == ["2", "2", "1", "5"] and counted["unusable"] == ["0", "1", "0", "1"]
    assert counted["patients"] == ["2", "1", "1", "2"]
    assert counted["unknown"] == ["1", "0", "1", "2"] and counted["lateral_lumbar"] == ["1", "1", "0", "2"]
    assert counted["height, pixels"] == ["160", "160", "100", "100–160"] and counted["width, pixels"] == ["96"] * 4
    assert counted["spacing, mm"] == ["0.500", "0.250", "–", "0.250–0.500"] and counted["spacing known"] == ["1", "1", "0", "2"]
    assert counted["L1"] == ["2", "1", "1", "4"] and counted["unknown level"] == ["2", "1", "1", "4"]
    assert counted["S1, points only"] == ["1", "1", "0", "2"]


def test_a_data_set_without_a_usable_film_can_still_be_shown():
    columns, counted = rows(Inspection("a", "train", None))
    assert columns == ("train", "all") and counted["width, pixels"] == ["–", "–"]
