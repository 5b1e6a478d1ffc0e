"""NHANES II in the layout of the original SpineFM: JPEGs, 12-bit TIFFs, one mask file per vertebra, three lists."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.layouts.quads import fill
from tests.layouts.spines import SIZE, draw_spine, spine

LEVELS = {"C": ("C2", "C3", "C4", "C5", "C6", "C7", "T1"), "L": ("T12", "L1", "L2", "L3", "L4", "L5", "S1")}


def write(root: Path, num_films: int = 6, lists: bool = True, ids: tuple[str, ...] = ()) -> Path:
    """Write a data set; without `ids`, cervical and lumbar films of as many subjects, in turn."""
    for folder in ("imgs", "gts", "data_split"):
        (root / folder).mkdir(parents=True)
    ids = ids or tuple(f"{'CL'[i % 2]}{i + 1:05d}" for i in range(num_films))
    for number, film_id in enumerate(ids):
        write_film(root, film_id, number)
    if lists:
        write_lists(root, {"train": ids[:-2], "val": ids[-2:-1], "test": ids[-1:]})
    return root


def write_film(root, film_id, number):
    """Every third and fourth film is a TIFF of 12 bits; its masks hold 0 and 255, those of the JPEGs False and True."""
    levels = LEVELS[film_id[0]]
    pixels = draw_spine(number, len(levels))
    if number % 4 < 2:
        Image.fromarray(pixels).save(root / "imgs" / f"{film_id}.jpg", quality=95)
    else:
        Image.fromarray(pixels.astype(np.uint16) * 16).save(root / "imgs" / f"{film_id}.tiff")
    for level, corners in zip(levels, spine(number, len(levels)), strict=True):
        mask = fill(corners, SIZE)
        np.save(root / "gts" / f"{film_id}_{level}.npy", mask if number % 4 < 2 else mask * np.uint8(255))


def write_lists(root, ids_of):
    for split, ids in ids_of.items():
        (root / "data_split" / f"{split}.txt").write_text("".join(f"{film_id}\n" for film_id in ids))
