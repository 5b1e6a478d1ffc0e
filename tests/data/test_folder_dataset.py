"""What every data set of files has in common, on one whose films are drawn when they are read."""

import logging
import pickle
from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.cache import CachedFilms
from spinefm.data.dataset import safe_id
from spinefm.data.film_source import FilmSource, stamp
from spinefm.data.folder_dataset import FolderDataset
from spinefm.data.problems import DataError, Problem
from spinefm.geometry import polygon_to_vertebra
from spinefm.structures import Radiograph, View
from tests.layouts.quads import quad

LEVELS, SIZE = "L1 L2 L3 L4", (120, 80)
NOTE = Problem(None, "to be tidy", "dust", "It was wiped off.", fatal=False)


class Drawn(FolderDataset):
    """Boxes one below the other; their levels, and whether they are dark, stand in the film's file."""

    name = "drawn"
    sharpness = 1

    def settings(self):
        return (self.sharpness,)

    def read(self, source, report):
        levels, _, dark = source.image.read_text().partition("|")
        pixels, vertebrae = np.full(SIZE, 50, dtype=np.uint8), []
        for i, level in enumerate(levels.split()):
            vertebrae.append(polygon_to_vertebra(quad((40, 11 + 20 * i), 20, 12), SIZE, level))
            pixels[5 + 20 * i : 17 + 20 * i, 30:50] = 200
        if "note" in source.row:
            report(replace(NOTE, path=source.image))
        pixels = 255 - pixels if dark else pixels
        return Radiograph(source.film_id, pixels, tuple(vertebrae), source.view, source.patient_id)


class Lenient(Drawn):
    patients_may_share = True


@pytest.fixture
def make(tmp_path):
    """Sources of films, with the files that they are read from."""

    def make(*film_ids, text=LEVELS, **fields):
        sources = []
        for film_id in film_ids:
            path = tmp_path / f"{film_id}.film"
            path.write_text(text)
            sources.append(FilmSource(film_id, path, **{"patient_id": film_id, **fields}))
        return sources

    return make


@pytest.fixture
def open_(tmp_path):
    def open_(sources, kind=Drawn, **options):
        return kind(tmp_path, sources, **options)

    return open_


def divided(dataset):
    return {split: [film.film_id for film in dataset.split(split)] for split in ("train", "val", "test")}


def film_of(dataset):
    (inspection,) = dataset.inspect()
    return inspection.film


# One film


def test_a_film_is_read_when_it_is_looked_at(make, open_):
    dataset = open_(make("a"), fractions={"train": 1.0})
    films = dataset.split("train")
    dataset.sources[0].image.write_text("L4 L5")
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
    (inspection,) = dataset.inspect()
    assert inspection.film is None
    (problem,) = inspection.problems
    assert problem.fatal and expected in str(problem) and "a.film" in str(problem)
    with pytest.raises(DataError, match=expected):
        list(dataset.split("train"))


def test_dark_bone_is_turned_over_and_told(make, open_, caplog):
    bright, dark = film_of(open_(make("a"))), open_(make("b", text=f"{LEVELS}|dark"))
    (inspection,) = dark.inspect()
    np.testing.assert_array_equal(inspection.film.pixels, bright.pixels)
    (problem,) = inspection.problems
    assert not problem.fatal and "show bone bright, but found dark bone. It was turned over." in str(problem)
    caplog.clear()
    list(dark.split("train"))
    assert "It was turned over." in caplog.text


# Splits


def test_films_of_a_patient_stay_together_and_views_are_spread(make, open_):
    sources = []
    for number in range(20):
        for view in (View.LATERAL_CERVICAL, View.LATERAL_LUMBAR):
            sources += make(f"{view}_{number}", patient_id=str(number), view=view)
    dataset = open_(sources)
    patients = {split: {source.patient_id for source in sources if dataset.split_of(source) == split} for split in ("train", "val", "test")}
    assert {split: len(names) for split, names in patients.items()} == {"train": 14, "val": 2, "test": 4}
    assert divided(dataset) == divided(open_(sources)) != divided(open_(sources, seed=1))


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


def test_an_excluded_film_that_is_not_there_is_told(make, open_):
    with pytest.raises(DataError, match=r"`dataset\.exclude`, but found no 'd'"):
        open_(make("a", "b"), exclude=["d", "a"]).split("train")


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
    with pytest.raises(DataError, match=r"b\.film.*id of its own.*'a' twice, also.*a\.film.*Rename or remove"):
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
    open_(make("a"), problems=[*alike, replace(NOTE, path="other", expected="to be whole", fatal=True)])
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "drawn: Expected `film 0` to be tidy" in caplog.text and "(50 of this kind.)" in caplog.text


# Keys


def test_a_key_changes_with_what_the_film_depends_on_and_with_nothing_else(tmp_path, make, open_):
    (tmp_path / "a.json").write_text("{}")
    (source,) = make("a", annotations=(tmp_path / "a.json",))

    def key(kind=Drawn, **fields):
        changed = replace(source, **fields)
        return open_([changed], kind, seed=3).key(changed)

    sharper = type("Drawn", (Drawn,), {"sharpness": 2, "__qualname__": "Drawn"})
    keys = [key(), key(sharper), key(Lenient)]
    keys += [key(film_id="b"), key(patient_id="b"), key(row="b"), key(view=View.AP_SPINE), key(annotations=())]
    for path in (tmp_path / "a.json", source.image):
        path.write_text(path.read_text() + " ")
        keys.append(key())
    assert len(set(keys)) == len(keys) == 10
    assert keys[-1] == key() == key(split="val") == key(stratum="severe") == open_([source, *make("b")]).key(source)


def test_views_reach_films_that_are_kept(tmp_path, make, open_):
    (source,) = make("a", split="train")
    seen = [CachedFilms(open_([replace(source, view=view)]).split("train"), None, tmp_path)[0].view for view in View]
    assert seen == list(View)


def test_a_file_that_is_gone_has_no_key(make, open_):
    dataset = open_(make("a"))
    dataset.sources[0].image.unlink()
    with pytest.raises(DataError, match=r"a\.film.*to be a file.*No such file.*Complete the data set"):
        dataset.key(dataset.sources[0])


def test_the_fingerprint_is_that_of_films_and_splits(make, open_):
    sources = make("a", "b", "c", "d")
    first = open_(sources).fingerprint
    assert open_(sources).fingerprint == first
    others = {open_(sources, fractions={"test": 1.0}).fingerprint, open_(sources[1:]).fingerprint}
    sources[0].image.write_text("L1 L2")
    others.add(open_(sources).fingerprint)
    assert len(others | {first}) == 4


def test_stamps_tell_name_size_and_time(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    first = stamp(path)
    path.touch()
    assert stamp(path) != first and stamp(path) == stamp(path)


@pytest.mark.parametrize(("stem", "film_id"), [("0001-F-037Y0", "0001-F-037Y0"), ("a film/of (2) Ü.1", "a_film_of_2_Ü.1")])
def test_ids_are_safe_file_names(stem, film_id):
    assert safe_id(stem) == film_id


def test_films_go_to_other_processes(make, open_):
    films = pickle.loads(pickle.dumps(open_(make("a", split="train")).split("train")))
    assert films[0].film_id == "a"
