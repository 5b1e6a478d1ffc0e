"""Films that are read once: kept whole on disk, named by what they depend on, mended when damaged."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.cache import CachedFilms, load_film, save_film
from spinefm.data.dataset import Films
from spinefm.structures import Landmark, Radiograph, View


def same(first, second):
    pairs = list(zip(first.vertebrae, second.vertebrae, strict=True))
    return (
        all(np.array_equal(a.mask, b.mask) for a, b in pairs)
        and all((a.origin, a.centroid, a.level, a.confidence) == (b.origin, b.centroid, b.level, b.confidence) for a, b in pairs)
        and np.array_equal(first.pixels, second.pixels)
        and (first.film_id, first.view, first.patient_id, first.spacing_mm, first.landmarks, first.cobb_angles, first.reader)
        == (second.film_id, second.view, second.patient_id, second.spacing_mm, second.landmarks, second.cobb_angles, second.reader)
    )


class Reader:
    """Films by name; counts how often one is read."""

    def __init__(self, make_film):
        self.make_film, self.reads, self.salt = make_film, 0, ""

    def films(self, *names):
        return Films(names, self.read, lambda name: name + self.salt)

    def read(self, name):
        self.reads += 1
        return self.make_film(name)


@pytest.fixture
def reader(make_film):
    return Reader(make_film)


def test_a_film_comes_back_as_it_was(tmp_path, make_film):
    plain = make_film()
    film = Radiograph("a", plain.pixels, plain.vertebrae, View.LATERAL_LUMBAR, "p", 0.2, (Landmark("S1", "top left", (3.5, 4.0)),))
    film = replace(film, cobb_angles=(30.5, 12.0, 0.0), reader="a")
    save_film(tmp_path / "a.pt", film)
    assert same(load_film(tmp_path / "a.pt"), film)
    save_film(tmp_path / "b.pt", Radiograph("b", plain.pixels, remarks=("It was mended.", "Twice.")))
    assert load_film(tmp_path / "b.pt").vertebrae == () and load_film(tmp_path / "b.pt").remarks == ("It was mended.", "Twice.")


@pytest.mark.parametrize("on_disk", [True, False])
def test_each_film_is_read_once(tmp_path, reader, on_disk):
    cached = CachedFilms(reader.films("a", "b"), 100, tmp_path if on_disk else None)
    assert [max(film.size) for film in cached] == [100, 100]
    assert cached[-1] is cached[1] and cached[0:2] == [cached[0], cached[1]]
    assert reader.reads == 2
    with pytest.raises(IndexError):
        cached[2]


def test_another_process_finds_what_was_kept(tmp_path, reader):
    first = CachedFilms(reader.films("a", "b"), 100, tmp_path)
    first.read_all("Reading")
    second = CachedFilms(reader.films("b"), 100, tmp_path)
    assert same(second[0], first[1]) and reader.reads == 2


def test_what_depends_on_something_else_is_read_again(tmp_path, reader):
    CachedFilms(reader.films("a"), 100, tmp_path)[0]
    assert max(CachedFilms(reader.films("a"), 80, tmp_path)[0].size) == 80
    reader.salt = "annotated anew"
    CachedFilms(reader.films("a"), 100, tmp_path)[0]
    assert reader.reads == 3


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_file_is_mended(tmp_path, reader, caplog, content):
    film = CachedFilms(reader.films("a"), None, tmp_path)[0]
    (path,) = (tmp_path / "films").iterdir()
    path.write_bytes(path.read_bytes()[:1000] if content is None else content)
    assert same(CachedFilms(reader.films("a"), None, tmp_path)[0], reader.make_film("a"))
    assert "is read again" in caplog.text
    assert same(CachedFilms(reader.films("a"), None, tmp_path)[0], reader.make_film("a")) and reader.reads == 2
    assert film.film_id == "a"


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path, reader, caplog):
    (tmp_path / "films").write_text("a file is in the way")
    assert CachedFilms(reader.films("a"), None, tmp_path)[0].film_id == "a"
    assert "read again each time" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("file write failed"), OSError("no space left")])
def test_a_full_disk_is_no_failure_and_told_once(tmp_path, reader, caplog, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr("spinefm.data.cache.torch.save", full)
    cached = CachedFilms(reader.films("a", "b", "c"), None, tmp_path)
    assert [film.film_id for film in cached] == [film.film_id for film in cached] == ["a", "b", "c"]
    assert reader.reads == 3 and list(tmp_path.rglob("*.pt")) == []
    assert caplog.text.count("read again each time") == 1 and str(error) in caplog.text


def test_a_later_run_tells_of_films_that_were_mended(tmp_path, reader, caplog):
    make = reader.make_film
    remarks = {"a": ("a was turned over.", "a was wiped."), "c": ("c was turned over.",)}
    reader.make_film = lambda name: replace(make(name), remarks=remarks.get(name, ()))
    for told in (False, True):
        caplog.clear()
        CachedFilms(reader.films("a", "b", "c"), 100, tmp_path).read_all("Reading")
        assert ("2 films were mended when they were first read, such as: a was turned over." in caplog.text) is told
    assert reader.reads == 3


def test_max_side_is_checked(reader):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        CachedFilms(reader.films(), 0)
