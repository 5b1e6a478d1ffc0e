"""Going on with what an earlier run has left."""

import os

import numpy as np
import pytest
import yaml

from spinefm.export.films import film_files, write_spine
from spinefm.export.finished import RECORD, earlier_run, finished_films
from spinefm.structures import Radiograph, Spine

MADE_BY = {
    "run_id": "first",
    "git_commit": "abc",
    "config_hash": "1",
    "versions": {"torch": "2"},
    "components": {"resnet": {"sha256": "00"}},
    "config": {"output": "here", "input": "films", "pipeline": {"patience": 4}},
}


@pytest.fixture
def folder(tmp_path):
    """Of a run that was interrupted after one of two films."""
    (tmp_path / RECORD).write_text(yaml.safe_dump(MADE_BY))
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(b"")
    write_spine(tmp_path, Radiograph("a", np.zeros((8, 4), np.uint8)), Spine("a", (8, 4)), "first")
    return tmp_path


def films(folder):
    return {folder / f"{name}.png": name for name in ("a", "b")}


def test_a_run_like_it_goes_on_with_it(folder):
    again = {**MADE_BY, "run_id": "second", "config_hash": "2", "config": {**MADE_BY["config"], "output": "there"}}
    assert earlier_run(folder, again, ["output"]) == "first"


def test_there_may_be_none(tmp_path):
    assert earlier_run(tmp_path, MADE_BY, []) is None


@pytest.mark.parametrize("other", [{"git_commit": "def"}, {"versions": {}}, {"components": {"resnet": {"sha256": "11"}}}])
def test_another_run_is_refused(folder, other):
    (key,) = other
    with pytest.raises(ValueError, match=f"Expected `.*{RECORD}` to be of a run like this one, .* differ in {key}. Repeat its options"):
        earlier_run(folder, MADE_BY | other, [])


def test_options_that_differ_are_named(folder):
    with pytest.raises(ValueError, match="differ in input, pipeline, view"):
        earlier_run(folder, MADE_BY | {"config": {"output": "here", "input": "others", "pipeline": {"patience": 0}, "view": "lateral"}}, [])


def test_films_with_which_it_was_done(folder):
    done = finished_films(folder, films(folder), "first")
    assert [*done] == ["a"] and done["a"]["size"] == {"height": 8, "width": 4}


def test_not_those_of_another_run(folder):
    assert finished_films(folder, films(folder), "second") == {}


@pytest.mark.parametrize("lost", range(3))
def test_not_those_of_which_a_file_is_gone(folder, lost):
    film_files(folder, "a")[lost].unlink()
    assert finished_films(folder, films(folder), "first") == {}


def test_not_those_that_have_changed_since(folder):
    later = film_files(folder, "a")[0].stat().st_mtime + 1
    os.utime(folder / "a.png", (later, later))
    assert finished_films(folder, films(folder), "first") == {}
