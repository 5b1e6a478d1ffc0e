"""One mask file per vertebra, `gts/<film id>_<level>.npz` or `.npy`, as the original SpineFM expects them."""

import zipfile
import zlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spinefm.anatomy import LEVELS
from spinefm.data.film_source import check_folder, safe_id
from spinefm.data.problems import DataError, Problem
from spinefm.data.reading.film_folders import ImageFolder
from spinefm.geometry.masks import mask_to_vertebra
from spinefm.structures import Mask, Vertebra

MASK_FOLDER, IMAGE_FOLDER = "gts", "imgs"
_SUFFIXES = (".npy", ".npz")
_BROKEN_ARRAY = (OSError, ValueError, KeyError, IndexError, EOFError, TypeError, zipfile.BadZipFile, zlib.error)


class MaskedFilm(NamedTuple):
    """A film in the original SpineFM's layout: its name, its file, and its mask files from head to foot."""

    stem: str
    image: Path
    masks: tuple[Path, ...]


def find_masked_films(root: Path) -> tuple[list[MaskedFilm], list[Problem]]:
    """The films in `<root>/imgs` that have masks in `<root>/gts`, and what has no counterpart, or several.

    Raises:
        DataError: If there is no folder of masks.
    """
    masks, problems = find_masks(check_folder(root / MASK_FOLDER, "the folder of masks"))
    films, images = list[MaskedFilm](), ImageFolder(root / IMAGE_FOLDER)
    for stem, paths in masks.items():
        try:
            films.append(MaskedFilm(stem, images.only(stem, paths[0]), paths))
        except DataError as error:
            problems.append(replace(error.problem, film_id=safe_id(stem)))
    return films, problems


def find_masks(folder: Path) -> tuple[dict[str, tuple[Path, ...]], list[Problem]]:
    """The mask files of each film, from head to foot, and the files whose names say no level; hidden files are skipped."""
    found, problems = defaultdict[str, list[Path]](list), list[Problem]()
    for path in sorted(entry for entry in folder.iterdir() if entry.suffix in _SUFFIXES and not entry.name.startswith(".")):
        film, _, level = path.stem.rpartition("_")
        if film and level in LEVELS:
            found[film].append(path)
        else:
            problem = Problem(path, "to be called <film id>_<level>", f"the level {level!r}", "Rename it.", film_id=safe_id(path.stem))
            problems.append(problem)
    return {film: tuple(sorted(paths, key=_level_index)) for film, paths in found.items()}, problems


def _level_index(path: Path) -> int:
    return LEVELS.index(path.stem.rpartition("_")[2])


def read_masks(paths: tuple[Path, ...], size: tuple[int, int]) -> tuple[Vertebra, ...]:
    """The vertebrae of one film.

    Args:
        paths: From `find_masks`.
        size: (H, W) of the film.

    Raises:
        DataError: If a file holds no mask, an empty one, or one of another size.
    """
    return tuple(_read_mask(path, size) for path in paths)


def _read_mask(path: Path, size: tuple[int, int]) -> Vertebra:
    mask = _array(path)
    if mask.shape != size:
        expected, found = f"to hold a mask of the size of its film, {size} (rows, columns)", str(mask.shape)
        raise DataError(Problem(path, expected, found, "Make it anew."))
    vertebra = mask_to_vertebra(mask, level=path.stem.rpartition("_")[2])
    if vertebra is None:
        raise DataError(Problem(path, "to hold a vertebra", "an empty mask", "Remove or correct it."))
    return vertebra


def _array(path: Path) -> Mask:
    """(H, W); never unpickles."""
    try:
        content = np.load(path, allow_pickle=False)
        mask: Mask = np.squeeze(content["arr_0"] if path.suffix == ".npz" else content) > 0
        return mask
    except _BROKEN_ARRAY as error:
        key = " under `arr_0`" if path.suffix == ".npz" else ""
        raise DataError(Problem(path, f"to hold an array{key}", f"{type(error).__name__}: {error}", "Make it anew.")) from error
