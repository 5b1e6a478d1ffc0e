"""A download is the right file, or nothing is kept of it."""

import re
import stat
from pathlib import Path

import pooch
import pytest

from spinefm.files.weight_files import fetch, locate, read_weights, verify, weight_file
from tests.weight_store import STATE, Store, flip_a_byte, same


@pytest.fixture
def store(tmp_path, monkeypatch):
    return Store(tmp_path, monkeypatch)


def test_a_file_is_downloaded_once(store):
    with store.serving("tiny") as requests:
        assert fetch("tiny") == fetch("tiny") == locate("tiny") == store.folder / "tiny.pth"
    assert requests == ["/tiny.pth"]
    assert store.kept() == ["tiny.pth"]
    assert same(read_weights("tiny")[0], STATE)


def test_others_who_share_the_store_can_read_it(store):
    with store.serving("tiny"):
        assert stat.S_IMODE(fetch("tiny").stat().st_mode) == 0o644


def test_a_wrong_file_in_the_store_is_replaced(store):
    flip_a_byte(store.put("tiny"))
    with store.serving("tiny"):
        verify(weight_file("tiny"), fetch("tiny"))


def test_a_page_that_is_not_there(store):
    offline = re.escape("bring the file from elsewhere and `python -m spinefm.weights import tiny.pth`")
    expected = rf"^Could not fetch `tiny` from http://127\.0\.0\.1:\d+/tiny\.pth \(the server says 404 Not Found\)\. .*{offline}\.$"
    with store.serving("tiny", status=404, body=b""), pytest.raises(OSError, match=expected):
        fetch("tiny")
    assert store.kept() == []


def test_a_server_that_is_not_there(store):
    expected = r"^Could not fetch `tiny` from http://127\.0\.0\.1:1/tiny\.pth \(ConnectionError\)\. Try again"
    with pytest.raises(OSError, match=expected) as caught:
        fetch("tiny")
    assert "\n" not in str(caught.value)
    assert store.kept() == []


def test_another_file_than_expected(store):
    other = (store.originals / "other.pth").read_bytes()
    expected = rf"^Expected http://.*/tiny\.pth to send a file with SHA-256 {weight_file('tiny').sha256}, but .* not kept\. Try again, or"
    with store.serving("tiny", body=other), pytest.raises(ValueError, match=expected):
        fetch("tiny")
    assert store.kept() == []


def test_half_of_the_file(store):
    whole = (store.originals / "tiny.pth").read_bytes()
    promised = store.serving("tiny", body=whole[: len(whole) // 2], length=len(whole))
    with promised, pytest.raises(OSError, match=r"^Could not fetch `tiny`"):
        fetch("tiny")
    assert store.kept() == []


def test_an_interruption_leaves_nothing(store, monkeypatch):
    def interrupted(self, url, output_file, *arguments):
        Path(output_file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("tiny")
    assert store.kept() == []


def test_a_store_that_cannot_be_written(store):
    (store.root / "cache").write_text("in the way")
    with pytest.raises(OSError, match=r"^Could not fetch `tiny` from http://.* \(Not a directory\)"):
        fetch("tiny")
