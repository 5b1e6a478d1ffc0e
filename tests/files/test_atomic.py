"""Files are whole or absent."""

import errno
import json
import os

import pytest

from spinefm.files.atomic import DiskFullError, atomic_path, write_json, write_text


def test_a_file_appears_whole_in_a_folder_made_for_it(tmp_path):
    target = tmp_path / "new" / "folder" / "image.png"
    with atomic_path(target) as temporary:
        assert (temporary.parent, temporary.suffix) == (target.parent, ".png")
        temporary.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert list(target.parent.iterdir()) == [target]


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path):
    write_text(tmp_path / ("a" * 250 + ".json"), "whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path, error):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("new, but")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told(tmp_path, number):
    with (
        pytest.raises(DiskFullError, match=r"room for `.*table\.csv`, but found none \(.+\)\. Make room"),
        atomic_path(tmp_path / "table.csv"),
    ):
        raise OSError(number, os.strerror(number))
    with pytest.raises(PermissionError), atomic_path(tmp_path / "table.csv"):
        raise PermissionError(errno.EACCES, "no")


def test_two_writers_do_not_meet(tmp_path):
    with atomic_path(tmp_path / "a.txt") as first, atomic_path(tmp_path / "a.txt") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["1"]  # the last to finish


def test_text_is_utf8_and_json_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Papież", "dice": 0.9})
    text = (tmp_path / "a.json").read_bytes().decode("utf-8")
    assert text.endswith("}\n")
    assert "Papież" in text
    assert json.loads(text) == {"name": "Papież", "dice": 0.9}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_cannot_hold_nan(tmp_path, value):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", [value])
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
