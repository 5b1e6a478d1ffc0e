"""What a film is kept by, and what it is called."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from spinefm.data.cache import CachedFilms
from spinefm.data.film_source import check_folder, film_ids, film_named, known_view, safe_id, stamp
from spinefm.data.problems import DataError
from spinefm.structures import View
from tests.layouts.drawn import Drawn, Lenient, write_film


@pytest.fixture
def make(tmp_path):
    """Sources of films, with the files that they are read from."""
    return lambda *film_ids, **fields: [write_film(tmp_path, film_id, **fields) for film_id in film_ids]


@pytest.fixture
def open_(tmp_path):
    return lambda sources, kind=Drawn, **options: kind(tmp_path, sources, **options)


def test_a_key_changes_with_what_the_film_depends_on_and_with_nothing_else(tmp_path, make, open_):
    (tmp_path / "a.json").write_text("{}")
    (source,) = make("a", annotations=(tmp_path / "a.json",))

    def key(kind=Drawn, **fields):
        changed = replace(source, **fields)
        return open_([changed], kind, seed=3).key(changed)

    sharper = type("Drawn", (Drawn,), {"sharpness": 2, "__qualname__": "Drawn"})
    keys = [key(), key(sharper), key(Lenient)]
    keys += [key(film_id="b"), key(patient_id="b"), key(row="b"), key(view=View.AP_SPINE), key(spacing_mm=0.2), key(annotations=())]
    for path in (tmp_path / "a.json", source.image):
        path.write_bytes(path.read_bytes() + b" ")
        keys.append(key())
    assert len(set(keys)) == len(keys) == 11
    assert keys[-1] == key() == key(split="val") == key(stratum="severe") == open_([source, *make("b")]).key(source)


def test_views_reach_films_that_are_kept(tmp_path, make, open_):
    (source,) = make("a", split="train")
    seen = [CachedFilms(open_([replace(source, view=view)]).split("train"), None, tmp_path)[0].view for view in View]
    assert seen == list(View)


def test_a_file_that_is_gone_has_no_key(make, open_):
    dataset = open_(make("a"))
    dataset.sources[0].image.unlink()
    with pytest.raises(DataError, match=r"a\.png.*to be a file.*No such file.*Complete the data set"):
        dataset.key(dataset.sources[0])


def test_the_fingerprint_is_that_of_films_and_splits(make, open_):
    sources = make("a", "b", "c", "d")
    first = open_(sources).fingerprint
    assert open_(sources).fingerprint == first
    others = {open_(sources, fractions={"test": 1.0}).fingerprint, open_(sources[1:]).fingerprint}
    make("a", text="L1 L2")
    others.add(open_(sources).fingerprint)
    assert len(others | {first}) == 4


def test_a_run_goes_on_where_its_films_were_moved_or_corrected_but_not_where_they_are_others(tmp_path, make, open_):
    sources = [*make("a", "b", split="train"), *make("c", split="val")]
    first = open_(sources).training_films
    (tmp_path / "a.levels").write_text("L1 L2")
    (tmp_path / "moved").mkdir()
    copied = [replace(source, image=Path(shutil.copy(source.image, tmp_path / "moved"))) for source in sources]
    assert open_(sources).training_films == open_(copied).training_films == first
    others = [open_(changed).training_films for changed in (sources[1:], [*sources[:2], *make("c", split="train")])]
    copied[0].image.write_bytes(b"another film")
    assert len({first, *others, open_(copied).training_films}) == 4


def test_films_that_are_only_tested_on_may_change(make, open_):
    sources = [*make("a", split="train"), *make("b", split="val"), *make("c", split="test")]
    assert open_(sources).training_films == open_(sources[:2]).training_films


def test_stamps_tell_name_size_and_time(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    first = stamp(path)
    path.touch()
    assert stamp(path) != first and stamp(path) == stamp(path)


@pytest.mark.parametrize(("stem", "film_id"), [("0001-F-037Y0", "0001-F-037Y0"), ("a film/of (2) Ü.1", "a_film_of_2_Ü.1")])
def test_ids_are_safe_file_names(stem, film_id):
    assert safe_id(stem) == film_id


@pytest.mark.parametrize("letter", ["a", "ü"])
def test_ids_of_long_names_are_cut_and_stay_apart(letter):
    first, second = (safe_id(letter * 120 + "b" * 90 + last) for last in "12")
    assert first != second and first[:90] == letter * 90 and max(len(first.encode()), len(second.encode())) <= 200
    assert safe_id(first) == first and safe_id("a" * 200) == "a" * 200


def test_ids_name_folders_only_where_two_films_share_a_name():
    paths = map(PurePosixPath, ("p1/lat.png", "p2/lat.jpg", "p2/Ms. X.png", "ap.dcm"))
    assert film_ids(list(paths)) == ["p1_lat", "p2_lat", "Ms._X", "ap"]


def test_only_the_suffix_of_a_film_or_an_annotation_is_none_of_its_name():
    paths = [PurePosixPath(path) for path in ("1.2.840.5", "1.2.840.6", "1.2.840.7.DCM", "1.2.840.8.json", "p1/1.3.1", "p2/1.3.1")]
    assert film_ids(paths) == ["1.2.840.5", "1.2.840.6", "1.2.840.7", "1.2.840.8", "p1_1.3.1", "p2_1.3.1"]


@pytest.mark.parametrize(
    ("name", "film_id"),
    [
        ("a", "a"),
        ("a.png", "a"),
        ("a.DCM", "a"),
        ("a.b", "a.b"),
        ("a.b.tiff", "a.b"),
        ("case.dcm", "case.dcm"),
        ("case.dcm.png", "case.dcm"),
        ("Ms. X (2)", "Ms._X_2_"),
        ("Ms. X.jpg", "Ms._X"),
        ("p1/lat", "p1_lat"),
        ("p1/lat.png", "p1_lat"),
        ("case", None),
        ("a.2", None),
        ("lat.png", None),
        ("", None),
    ],
)
def test_films_are_named_by_their_ids_or_their_files(name, film_id):
    assert film_named(name, ["a", "a.b", "case.dcm", "Ms._X", "Ms._X_2_", "p1_lat"]) == film_id


def test_an_id_counts_more_than_the_name_of_a_file():
    assert film_named("case.dcm", ["case", "case.dcm"]) == "case.dcm"


def test_a_folder_is_made_sure_of(tmp_path):
    assert check_folder(tmp_path, "the folder of films") == tmp_path
    (tmp_path / "a").touch()
    for name, found in (("a", "a file"), ("b", "nothing at this path")):
        with pytest.raises(DataError, match=rf"`.*{name}` to be the folder of films, but found {found}\. Set `dataset\.root=<folder>`"):
            check_folder(tmp_path / name, "the folder of films")


def test_films_go_to_other_processes(make, open_):
    films = pickle.loads(pickle.dumps(open_(make("a", split="train")).split("train")))
    assert films[0].film_id == "a"


def test_a_view_there_is_none_of_is_named_with_its_option():
    assert known_view("lateral", "dataset.view") is View.LATERAL
    with pytest.raises(ValueError, match=r"`dataset\.folders\.LA` to be one of lateral_cervical, .* but got 'lumbar'"):
        known_view("lumbar", "dataset.folders.LA")
