"""Vertebrae named in their order from another level than the usual one."""

import numpy as np
import pytest

from spinefm.anatomy import levels_between
from spinefm.data.problems import DataError
from spinefm.data.reading.first_levels import named_from, read_first_levels

LEVELS = levels_between("T10", "L2")
SIZE = (200, 100)


def spine(top=40, step=30):
    """Five squares of 16 pixels, straight below each other, the topmost at a height of `top`."""
    square = np.array([[-8.0, -8.0], [8.0, -8.0], [8.0, 8.0], [-8.0, 8.0]])
    return np.stack([square + (50, top + step * i) for i in range(len(LEVELS))])


@pytest.mark.parametrize(
    ("first", "named", "marked"),
    [
        ("T10", {"T10": 40, "T11": 70, "T12": 100, "L1": 130, "L2": 160}, {}),
        ("T11", {"T11": 40, "T12": 70, "L1": 100, "L2": 130}, {"T10": 10}),
        ("T9", {"T10": 70, "T11": 100, "T12": 130, "L1": 160}, {"L2": 190}),
    ],
)
def test_names_follow_from_the_first_and_a_missing_end_is_marked(first, named, marked):
    annotation = named_from(first, spine(), LEVELS, SIZE)
    assert {v.level: round(v.centroid[1]) for v in annotation.vertebrae} == named
    assert {mark.level: mark.point for mark in annotation.landmarks} == {level: (50.0, float(y)) for level, y in marked.items()}


def test_levels_that_would_lie_beside_the_film_are_not_marked():
    assert not named_from("T11", spine(top=20), LEVELS, SIZE).landmarks
    assert [mark.level for mark in named_from("T8", spine(), LEVELS, SIZE).landmarks] == ["L1"]


def write(folder, text):
    (folder / "first.csv").write_text(text, encoding="utf-8")
    return folder / "first.csv"


def test_a_table_is_read(tmp_path):
    assert read_first_levels(write(tmp_path, "film_id,first\na, T2\n\nb,C7\n")) == {"a": "T2", "b": "C7"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns film_id,first"),
        ("film,first\na,T2\n", "'film,first'"),
        ("film_id,first\na\n", "rows of another length"),
        ("film_id,first\na,T2\nb,2\n", "'2' in line 3"),
        ("film_id,first\na,T13\n", "'T13' in line 2"),
        ("film_id,first\na,T2\na,T3\n", "'a' again in line 3"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_first_levels(write(tmp_path, text))


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"Correct `dataset\.first_levels`"):
        read_first_levels(tmp_path / "none.csv")
