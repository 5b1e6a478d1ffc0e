"""What every data set of files has in common, on one of drawn films. What films are kept by: test_film_source.py."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.problems import DataError
from spinefm.structures import View
from tests.layouts.drawn import NOTE, Drawn, Lenient, write_film


@pytest.fixture
def make(tmp_path):
    """Sources of films, with the files that they are read from."""
    return lambda *film_ids, **fields: [write_film(tmp_path, film_id, **fields) for film_id in film_ids]


@pytest.fixture
def open_(tmp_path):
    return lambda sources, kind=Drawn, **options: kind(tmp_path, sources, **options)


def divided(dataset):
    return {split: [film.film_id for film in dataset.split(split)] for split in ("train", "val", "test")}


def inspection_of(dataset):
    (inspection,) = dataset.inspect()
    return inspection


def film_of(dataset):
    return inspection_of(dataset).film


# One film


def test_a_film_is_read_when_it_is_looked_at(make, open_):
    dataset = open_(make("a"), fractions={"train": 1.0})
    films = dataset.split("train")
    make("a", text="L4 L5")
    assert [vertebra.level for vertebra in films[0].vertebrae] == ["L4", "L5"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "to have an annotated vertebra, but found none"),
        ("L1 L3 L2", "to name levels from head to foot, but found L1, L3, L2"),
        ("L1 L2 L2", "to name each level once, but found L2 twice"),
    ],
)
def test_what_cannot_be_a_spine_is_refused(make, open_, text, expected):
    dataset = open_(make("a", text=text))
    inspection = inspection_of(dataset)
    assert inspection.film is None
    (problem,) = inspection.problems
    assert problem.fatal and expected in str(problem) and "a.levels" in str(problem)
    with pytest.raises(DataError, match=expected):
        list(dataset.split("train"))


def test_dark_bone_is_turned_over_and_told(make, open_, caplog):
    bright, dark = film_of(open_(make("a"))), open_(make("b", dark=True))
    inspection = inspection_of(dark)
    np.testing.assert_array_equal(inspection.film.pixels, bright.pixels)
    (problem,) = inspection.problems
    assert not problem.fatal and "show bone bright, but found dark bone. It was turned over." in str(problem)
    caplog.clear()
    (film,) = dark.split("train")
    assert "It was turned over." in caplog.text and film.remarks == (str(problem),)
    assert open_(make("a")).split("train")[0].remarks == ()


def test_what_a_source_knows_reaches_the_film(make, open_):
    film = film_of(open_(make("a", view=View.AP_SPINE, patient_id="anna", spacing_mm=0.3)))
    assert (film.film_id, film.view, film.patient_id, film.spacing_mm) == ("a", View.AP_SPINE, "anna", 0.3)
    assert film_of(open_(make("a"))).spacing_mm is None


def test_what_is_wrong_with_a_film_names_it_whatever_its_files_are_called(make, open_):
    (source,) = make("a", text="L2 L1", row="note")
    dataset = open_([replace(source, film_id="patient_7")])
    noted, fatal = inspection_of(dataset).problems
    assert noted.film_id == fatal.film_id == "patient_7"
    with pytest.raises(DataError, match=r"^patient_7: Expected `.*a\.levels` to name levels from head to foot"):
        dataset.split("train")[0]


def test_a_film_that_cannot_be_read_is_named(make, open_):
    dataset = open_(make("a"))
    dataset.sources[0].image.write_bytes(b"no film")
    assert film_of(dataset) is None
    with pytest.raises(DataError, match=r"a\.png` to be a complete image"):
        dataset.split("train")[0]


# Splits


def test_a_split_has_the_views_of_its_films(make, open_):
    sources = [*make("a", view=View.LATERAL_LUMBAR, split="train"), *make("b", view=View.AP_SPINE, split="test")]
    dataset = open_(sources)
    assert [dataset.views_of(split) for split in ("train", "val", "test")] == [(View.LATERAL_LUMBAR,), (), (View.AP_SPINE,)]


def test_a_split_without_films_names_what_divides_them(make, open_):
    dataset = open_(make("a"), fractions={"train": 1.0})
    found = r"in the test split of `dataset=drawn`, but it has none of 1"
    with pytest.raises(ValueError, match=rf"{found}\. Give it some, by `test\.txt` or `dataset\.fractions`\.$"):
        dataset.some_of("test")


def test_films_of_a_patient_stay_together_and_views_are_spread(make, open_):
    sources = []
    for number in range(20):
        for view in (View.LATERAL_CERVICAL, View.LATERAL_LUMBAR):
            sources += make(f"{view}_{number}", patient_id=str(number), view=view)
    dataset = open_(sources)
    patients = {split: {source.patient_id for source in sources if dataset.split_of(source) == split} for split in ("train", "val", "test")}
    assert {split: len(names) for split, names in patients.items()} == {"train": 14, "val": 2, "test": 4}
    assert divided(dataset) == divided(open_(sources)) != divided(open_(sources, seed=1))


def test_splits_that_get_no_patient_are_noted(make, open_):
    sources = make("a", "b", patient_id="anna")
    (problem,) = open_(sources, fractions={"train": 0.7, "val": 0.1, "test": 0.2}).problems
    assert "to hold enough patients for every split, but found 1, with no film left for val and test. Add" in str(problem)
    assert not problem.fatal and "`dataset.fractions`" in problem.remedy
    assert open_(sources, fractions={"train": 1.0, "val": 0.0, "test": 0.0}).problems == ()


def test_each_stratum_is_spread(make, open_):
    sources = make(*map(str, range(10)), stratum="mild") + make(*map(str, range(10, 30)), stratum="severe")
    for seed in range(5):
        test = open_(sources, seed=seed).split("test")
        assert sum(int(film.film_id) < 10 for film in test) == 2 and len(test) == 6


def test_fractions_are_shares_of_one(make, open_):
    with pytest.raises(ValueError, match=r"sum to 1.*dataset\.fractions"):
        open_(make("a"), fractions={"train": 0.5})


def test_lists_count_more_than_a_table_and_a_table_more_than_chance(tmp_path, make, open_):
    sources = make("a", split="test") + make("b", split="val") + make("c", split="train")
    assert divided(open_(sources)) == {"train": ["c"], "val": ["b"], "test": ["a"]}
    (tmp_path / "train.txt").write_text("a\nc")
    (tmp_path / "test.txt").write_text("b")
    assert divided(open_(sources)) == {"train": ["a", "c"], "val": [], "test": ["b"]}


def test_lists_lie_where_splits_says(tmp_path, make, open_):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "train.txt").write_text("b")
    (tmp_path / "elsewhere" / "test.txt").write_text("a")
    assert divided(open_(make("a", "b"), splits=str(tmp_path / "elsewhere"))) == {"train": ["b"], "val": [], "test": ["a"]}
    with pytest.raises(DataError, match=r"nowhere.*Correct `dataset\.splits`"):
        open_(make("a"), splits=str(tmp_path / "nowhere"))


def test_excluded_films_are_left_out_and_lists_may_still_name_them(tmp_path, make, open_):
    assert len(open_(make("a", "b", "c"), exclude=["b"])) == 2
    (tmp_path / "train.txt").write_text("a\nb\nc")
    dataset = open_(make("a", "b", "c"), exclude=["b"])
    assert divided(dataset) == {"train": ["a", "c"], "val": [], "test": []} and dataset.problems == ()


def test_ids_of_digits_may_be_numbers(make, open_):
    """So they come from a command line."""
    dataset = open_(make("2548130", "0001241"), exclude=[2548130], fractions={"train": 1.0})
    assert [source.film_id for source in dataset.sources] == ["0001241"] and dataset.problems == ()


def test_problems_of_excluded_films_are_left_out_too(tmp_path, make, open_):
    problems = [replace(NOTE, path=tmp_path, fatal=True, film_id="damaged"), replace(NOTE, path=tmp_path, film_id="a")]
    with pytest.raises(DataError, match=r"damaged: .*to be tidy"):
        open_(make("a", "b"), problems=problems).split("train")
    dataset = open_(make("a", "b"), problems=problems, exclude=["damaged"], fractions={"train": 1.0})
    assert dataset.problems == (problems[1],) and len(dataset.split("train")) > 0
    assert open_(make("a", "b"), problems=problems, exclude=["damaged", "a"], fractions={"train": 1.0}).problems == ()


def test_an_excluded_film_that_is_not_there_is_noted(make, open_):
    dataset = open_(make("a", "b"), exclude=["e", "a", "d"], fractions={"train": 1.0})
    assert [problem.found for problem in dataset.problems] == ["no 'd'", "no 'e'"]
    assert "to hold the films of `dataset.exclude`" in str(dataset.problems[0]) and not dataset.problems[0].fatal
    assert divided(dataset) == {"train": ["b"], "val": [], "test": []}


@pytest.mark.parametrize("published", ["lists", "table"])
def test_what_is_in_no_published_split_is_left_out_and_counted_once(tmp_path, make, open_, caplog, published):
    sources = make("a", split="train" if published == "table" else None) + make("b", "c")
    if published == "lists":
        (tmp_path / "train.txt").write_text("a")
    dataset = open_(sources)
    assert divided(dataset) == {"train": ["a"], "val": [], "test": []}
    assert [(each.film_id, each.split) for each in dataset.inspect()] == [("a", "train"), ("b", None), ("c", None)]
    assert caplog.text.count("2 films without one, which are left out") == len(dataset.problems) == 1


def test_empty_lists_are_not_made_up_for(tmp_path, make, open_):
    (tmp_path / "train.txt").write_text("\n")
    assert divided(open_(make("a", "b"))) == {"train": [], "val": [], "test": []}


@pytest.mark.parametrize("published", ["lists", "table"])
def test_published_splits_that_divide_a_patient_are_fatal(tmp_path, make, open_, caplog, published):
    by_table = published == "table"
    sources = make("a", patient_id="anna", split="train" if by_table else None)
    sources += make("b", patient_id="anna", split="test" if by_table else None)
    if not by_table:
        (tmp_path / "train.txt").write_text("a")
        (tmp_path / "test.txt").write_text("b")
    dataset = open_(sources)
    with pytest.raises(DataError, match=r"one split.*patient 'anna' in both train and test.*Move the patient's films to one split"):
        dataset.split("val")
    assert all(inspection.film is not None for inspection in dataset.inspect())
    caplog.clear()
    assert divided(open_(sources, Lenient)) == {"train": ["a"], "val": [], "test": ["b"]}
    assert [(record.levelno, "'anna'" in record.message) for record in caplog.records] == [(logging.WARNING, True)]


# Problems


def test_no_film_at_all(tmp_path, open_):
    with pytest.raises(DataError, match=r"annotated films of `dataset=drawn`, but found none.*dataset\.root"):
        open_([])
    with pytest.raises(DataError, match="to be tidy"):
        open_([], problems=[replace(NOTE, path=tmp_path, fatal=True)])


def test_film_ids_are_unique(make, open_):
    (first,), (second,) = make("a"), make("b")
    with pytest.raises(DataError, match=r"b\.png.*id of its own.*'a' twice, also.*a\.png.*Rename or remove"):
        open_([first, replace(second, film_id="a")])


def test_a_fatal_problem_stops_training_but_not_inspection(make, open_):
    dataset = open_(make("a"), problems=[NOTE, replace(NOTE, fatal=True)])
    with pytest.raises(DataError, match="to be tidy"):
        dataset.split("train")
    assert film_of(dataset).film_id == "a"


def test_inspection_yields_every_film_with_its_problems(make, open_):
    sources = make("good", split="train") + make("bad", text="L2 L1", split="val", row="note") + make("noted", row="note")
    inspected = {each.film_id: each for each in open_(sources).inspect()}
    assert {film_id: (each.film is not None, each.split, len(each.problems)) for film_id, each in inspected.items()} == {
        "good": (True, "train", 0),
        "bad": (False, "val", 2),
        "noted": (True, None, 1),
    }
    assert [problem.fatal for problem in inspected["bad"].problems] == [False, True]


def test_problems_of_one_kind_are_one_line_of_the_log(make, open_, caplog):
    alike = [replace(NOTE, path=f"film {number}") for number in range(50)]
    open_(make("a"), problems=[*alike, replace(NOTE, path="other", expected="to be whole", fatal=True)], fractions={"train": 1.0})
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "drawn: Expected `film 0` to be tidy" in caplog.text and "(50 of this kind.)" in caplog.text
