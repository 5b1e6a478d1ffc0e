"""Problems say four things, and an error keeps its problem on its way from another process."""

import pickle
from dataclasses import replace
from pathlib import Path

from spinefm.data.problems import DataError, Problem

PROBLEM = Problem(Path("films/a.png"), "to be a film", "a folder", "Remove it.")


def test_file_expectation_finding_and_remedy():
    assert str(PROBLEM) == "Expected `films/a.png` to be a film, but found a folder. Remove it."
    assert str(DataError(PROBLEM)) == str(PROBLEM)
    assert PROBLEM.fatal and not Problem(PROBLEM.path, "", "", "", fatal=False).fatal


def test_the_film_is_named_unless_its_file_says_so():
    assert str(replace(PROBLEM, film_id="a")) == str(PROBLEM)
    assert str(replace(PROBLEM, film_id="p1_a")) == f"p1_a: {PROBLEM}"


def test_an_error_survives_a_pickle():
    error = pickle.loads(pickle.dumps(DataError(PROBLEM)))
    assert isinstance(error, DataError) and isinstance(error, ValueError)
    assert error.problem == PROBLEM and str(error) == str(PROBLEM)
