"""What is known of the films of a run, and kept of an earlier one."""

import os

import numpy as np
import pandas as pd
import pytest

from spinefm.export.doubts import DoubtRule
from spinefm.export.films import film_files
from spinefm.export.results import RECORD, Results
from spinefm.structures import Failure, Radiograph, Spine

MADE_BY = {"run_id": "first", "git_commit": "abc", "config_hash": "1", "versions": {"torch": "2"}, "components": {"resnet": "00"}}
NAMES = ("a", "b", "c")


@pytest.fixture
def films(tmp_path):
    (tmp_path / "in").mkdir()
    paths = {tmp_path / "in" / f"{name}.png": name for name in NAMES}
    for path in paths:
        path.write_bytes(b"a film")
    return paths


def results(films, tmp_path, keep=True, **other):
    begun = Results(tmp_path / "out", films, DoubtRule(), MADE_BY | {"run_id": "second"} | other, keep)
    begun.begin()
    return begun


def found(film_id, failure=None):
    return Radiograph(film_id, np.zeros((8, 4), np.uint8)), Spine(film_id, (8, 4), failure=failure)


@pytest.fixture
def interrupted(films, tmp_path):
    """A run that got as far as two of three films, one of which failed."""
    run = results(films, tmp_path, run_id="first")
    for path, film_id in list(films.items())[:2]:
        run.open(path, film_id)
        run.write(found(film_id, Failure.TOO_FEW_DETECTIONS if film_id == "b" else None))
    return run


def left(run):
    return [film_id for _, film_id in run.to_do]


def test_what_was_done_is_kept(interrupted, films, tmp_path):
    run = results(films, tmp_path)
    assert left(run) == ["c"] and [*run.reasons] == ["b", "c"] and "few vertebrae were detected" in run.reasons["b"]
    run.write_tables()
    assert pd.read_csv(tmp_path / "out" / "summary.csv").film_id.tolist() == ["a", "b"]


def test_nothing_is_unless_asked(interrupted, films, tmp_path):
    assert left(results(films, tmp_path, keep=False)) == [*NAMES]


def test_a_third_run_knows_it_too(interrupted, films, tmp_path):
    """One between that kept nothing and reached nothing has taken nothing away."""
    results(films, tmp_path, keep=False)
    assert left(results(films, tmp_path)) == ["c"]


@pytest.mark.parametrize("other", [{"git_commit": "def"}, {"config_hash": "2"}, {"versions": {}}, {"components": {"resnet": "11"}}])
def test_what_other_networks_options_or_versions_made_is_not(interrupted, films, tmp_path, other):
    assert left(results(films, tmp_path, **other)) == [*NAMES]


def test_what_another_file_was_before_is_not(interrupted, films, tmp_path):
    """Even an older one."""
    path, film_id = next(iter(films.items()))
    os.utime(path, (1e9, 1e9))
    assert left(results(films, tmp_path)) == [film_id, "c"]


@pytest.mark.parametrize("content", ["", "[]", "{}", None])
def test_what_is_damaged_is_not(interrupted, films, tmp_path, content):
    place, labels, _ = film_files(tmp_path / "out", "a")
    labels.unlink() if content is None else place.write_text(content)
    assert left(results(films, tmp_path)) == ["a", "c"]


def test_all_processes_know_what_the_first_one_knows(interrupted, films, tmp_path):
    first, second = results(films, tmp_path), results(films, tmp_path, keep=False, run_id="of the second process")
    said = [(first.run_id, first.rows)]
    second.agree(lambda own: [*said, *own])
    assert second.run_id == "second" and left(second) == ["c"]


def test_what_other_processes_have_written_is_known_at_an_interruption(interrupted, films, tmp_path):
    other = Results(tmp_path / "out", films, DoubtRule(), MADE_BY)
    other.take_written()
    assert [*other.rows] == ["a", "b"]


def test_a_film_that_nobody_has_done_is_no_success(interrupted):
    assert "Expected a result of it, but no process has one" in interrupted.reasons["c"]


def test_what_made_results_is_beside_them(interrupted, tmp_path):
    assert "run_id: first" in (tmp_path / "out" / RECORD).read_text()
