"""Outcomes that are kept: computed once for the same dependencies, and never a reason to fail."""

import pytest

from spinefm.data.outcomes import kept_outcome


class Search:
    """Something long; counts how often it is done."""

    def __init__(self):
        self.done = 0

    def __call__(self):
        self.done += 1
        return [self.done, {"a": 0.5}]


def test_the_same_search_is_done_once(tmp_path):
    search = Search()
    assert [kept_outcome(tmp_path, "pairs", ("x",), search) for _ in range(3)] == [[1, {"a": 0.5}]] * 3
    assert kept_outcome(tmp_path, "pairs", ("y",), search)[0] == 2
    assert kept_outcome(tmp_path, "others", ("x",), search)[0] == 3


def test_without_a_folder_nothing_is_kept():
    search = Search()
    assert [kept_outcome(None, "pairs", (), search)[0] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("content", ["", "[1,", "\xff"])
def test_a_damaged_outcome_is_made_anew(tmp_path, caplog, content):
    search = Search()
    kept_outcome(tmp_path, "pairs", (), search)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content.encode("latin-1"))
    assert kept_outcome(tmp_path, "pairs", (), search)[0] == 2 and "made anew" in caplog.text
    assert kept_outcome(tmp_path, "pairs", (), search)[0] == 2


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file is in the way")
    assert kept_outcome(tmp_path / "cache", "pairs", (), Search())[0] == 1
    assert "made anew each time" in caplog.text
