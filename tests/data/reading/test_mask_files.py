"""Mask files: one for each vertebra, in two formats; what is none is named, and nothing is ever unpickled."""

import pathlib

import numpy as np
import pytest

from spinefm.data.problems import DataError
from spinefm.data.reading.mask_files import find_masked_films, find_masks, read_masks
from spinefm.geometry.masks import paste_mask

SIZE = (30, 20)
MASK = np.zeros(SIZE, dtype=bool)
MASK[4:9, 3:15] = True


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def save(path, array, **named):
    if path.suffix == ".npz":
        np.savez_compressed(path, *([] if named else [array]), **named)
    else:
        np.save(path, array)
    return path


def test_masks_are_found_by_film_from_head_to_foot(tmp_path):
    names = ["C1_T1.npy", "C1_C7.npy", "C1_C2.npy", "L1_S1.npz", "L1_T12.npz", "my_film_C3.npy", "notes.txt", "._C1_C3.npy"]
    for name in names:
        (tmp_path / name).touch()
    found, problems = find_masks(tmp_path)
    assert problems == []
    assert {film: [path.name for path in paths] for film, paths in found.items()} == {
        "C1": ["C1_C2.npy", "C1_C7.npy", "C1_T1.npy"],
        "L1": ["L1_T12.npz", "L1_S1.npz"],
        "my_film": ["my_film_C3.npy"],
    }


@pytest.mark.parametrize("name", ["C00001.npy", "C00001_C9.npy", "C00001_c2.npz", "_C2.npy"])
def test_names_without_film_or_level_are_reported(tmp_path, name):
    (tmp_path / name).touch()
    found, (problem,) = find_masks(tmp_path)
    assert found == {} and problem.path == tmp_path / name and problem.fatal and problem.film_id == name.rpartition(".")[0]


def test_masks_are_found_with_their_films(tmp_path):
    with pytest.raises(DataError, match=r"gts` to be the folder of masks, but found nothing at this path"):
        find_masked_films(tmp_path)
    for name in ("gts/L 1_L2.npy", "gts/L 1_L1.npy", "gts/L 2_L1.npy", "gts/L3.npy", "imgs/L 1.tiff", "imgs/L4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (film,), problems = find_masked_films(tmp_path)
    assert (film.stem, film.image.name, [path.name for path in film.masks]) == ("L 1", "L 1.tiff", ["L 1_L1.npy", "L 1_L2.npy"])
    assert [problem.film_id for problem in problems] == ["L3", "L_2"] and all(problem.fatal for problem in problems)
    assert "L 2_L1.npy` to have one film in imgs, but found none called L 2. Complete the data set." in str(problems[1])


def test_of_several_films_of_one_name_none_is_taken(tmp_path):
    for name in ("gts/C1_C3.npy", "gts/C2_C3.npy", "imgs/C1.bmp", "imgs/C1.jpg", "imgs/C2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (film,), (problem,) = find_masked_films(tmp_path)
    assert film.stem == "C2" and problem.fatal and problem.film_id == "C1"
    assert "C1_C3.npy` to have one film in imgs, but found C1.bmp and C1.jpg. Remove all but one." in str(problem)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("array", [MASK, MASK * np.uint8(255), MASK.astype(int), MASK * 0.5, MASK[None], MASK[..., None]])
def test_a_mask_of_any_type(tmp_path, suffix, array):
    paths = (save(tmp_path / f"film_C3{suffix}", array), save(tmp_path / f"film_C4{suffix}", np.roll(array, 5, axis=array.ndim - 1)))
    vertebrae = read_masks(paths, SIZE)
    assert [vertebra.level for vertebra in vertebrae] == ["C3", "C4"]
    np.testing.assert_array_equal(paste_mask(vertebrae[0], SIZE), MASK)
    assert vertebrae[0].box == (3, 4, 15, 9) and vertebrae[0].centroid == (9, 6.5)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickles_are_refused_unopened(tmp_path, suffix):
    path = save(tmp_path / f"film_C3{suffix}", np.array([Trap(tmp_path / "sprung")], dtype=object))
    with pytest.raises(DataError, match=r"film_C3.*to hold an array.*allow_pickle=False.*Make it anew"):
        read_masks((path,), SIZE)
    assert not (tmp_path / "sprung").exists()
    np.load(path, allow_pickle=True)[(slice(None) if suffix == ".npy" else "arr_0")]
    assert (tmp_path / "sprung").exists()


def test_another_key_is_named(tmp_path):
    path = save(tmp_path / "film_C3.npz", None, mask=MASK)
    with pytest.raises(DataError, match=r"film_C3\.npz.*array under `arr_0`.*KeyError.*arr_0.*Make it anew"):
        read_masks((path,), SIZE)


@pytest.mark.parametrize("array", [MASK.T, MASK[:-1], np.stack([MASK, MASK]), np.True_])
def test_another_size_is_refused(tmp_path, array):
    path = save(tmp_path / "film_C3.npy", array)
    with pytest.raises(DataError, match=r"film_C3\.npy.*the size of its film, \(30, 20\).*found \("):
        read_masks((path,), SIZE)


def test_an_empty_mask_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"film_C3\.npy.*to hold a vertebra.*an empty mask.*Remove or correct it"):
        read_masks((save(tmp_path / "film_C3.npy", np.zeros_like(MASK)),), SIZE)


def truncated(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("damage", [truncated, lambda _: b"", lambda _: b"no array at all", lambda _: b"PK\3\4"])
def test_damaged_files_are_named(tmp_path, suffix, damage):
    path = save(tmp_path / f"film_C3{suffix}", MASK)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=rf"film_C3{suffix}.*to hold an array"):
        read_masks((path,), SIZE)


@pytest.mark.parametrize("start", [60, 100])
def test_damage_inside_an_archive_is_named(tmp_path, start):
    """Its directory is whole, so that only the compressed bytes are wrong: not to be unpacked, or to something else."""
    path = save(tmp_path / "film_C3.npz", np.random.default_rng(0).random(SIZE) > 0.5)
    content = path.read_bytes()
    path.write_bytes(content[:start] + b"\xff" * 20 + content[start + 20 :])
    with pytest.raises(DataError, match=r"film_C3\.npz.*to hold an array"):
        read_masks((path,), SIZE)


def test_a_folder_is_no_mask(tmp_path):
    (tmp_path / "film_C3.npy").mkdir()
    with pytest.raises(DataError, match=r"film_C3\.npy.*to hold an array"):
        read_masks((tmp_path / "film_C3.npy",), SIZE)


@pytest.mark.parametrize(("real", "called"), [(".npy", ".npz"), (".npz", ".npy")])
def test_one_format_under_the_name_of_the_other_is_named(tmp_path, real, called):
    path = save(tmp_path / f"film_C3{real}", MASK).rename(tmp_path / f"film_C3{called}")
    with pytest.raises(DataError, match=rf"film_C3{called}.*to hold an array"):
        read_masks((path,), SIZE)


def test_text_is_no_mask(tmp_path):
    with pytest.raises(DataError, match=r"film_C3\.npy.*to hold an array"):
        read_masks((save(tmp_path / "film_C3.npy", np.array([["a", "b"]])),), SIZE)
