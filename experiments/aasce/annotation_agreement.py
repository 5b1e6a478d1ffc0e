"""How well AASCE's annotations agree with each other: `python experiments/aasce/annotation_agreement.py <folder of AASCE>`.

The data set holds some films twice, with another crop and an annotation of its own, and some patients again, on another exposure. The
annotation of one is laid over the other and scored like a result of a pipeline. Copies tell how far any mask or angle can agree with these
labels. Another exposure cannot be laid over exactly, but well enough to see whether both are counted from the same vertebra.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from spinefm.data.datasets.aasce import AasceDataset
from spinefm.evaluation.metrics import headline
from spinefm.evaluation.records import record_film
from spinefm.geometry import mask_to_vertebra, paste_mask
from spinefm.structures import Pixels, Radiograph, Spine, Vertebra

SCALES = np.linspace(0.9, 1.1, 21)
SAME_EXPOSURE, SAME_POSE = 0.99, 0.95
"""Correlation of the middles of two films from which on they are copies, and from which on their vertebrae lie in the same places."""
SHRINK = 0.25
OF_COPIES = ("identification_rate", "labelled_identification_rate", "dice_identified", "shifted_films", "cobb_mae_all", "cobb_smape_all")
OF_OTHERS = ("shifted_films",)


def main(root: str) -> None:
    """Print what the annotations of copies, and of other exposures in the same pose, say about each other."""
    pairs = [(first, second, *registration(first, second)) for first, second in films_of_one_patient(root)]
    copies = [pair for pair in pairs if pair[2] > SAME_EXPOSURE]
    others = [pair for pair in pairs if SAME_POSE < pair[2] <= SAME_EXPOSURE]
    show("Copies of one exposure", copies, OF_COPIES)
    show("Other exposures in the same pose", others, OF_OTHERS)


def show(title: str, pairs: Sequence[tuple[Radiograph, Radiograph, float, NDArray[Any]]], names: Sequence[str]) -> None:
    """Print metrics of pairs of films, with their intervals by patient."""
    metrics = headline([record_film(film, moved(first, film, matrix)) for first, film, _, matrix in pairs])
    Console().print(f"{title}: {len(pairs)} pairs of {metrics['num_patients']} patients")
    for name in names:
        interval = " to ".join(f"{end:.3f}" for end in metrics[name]["ci95"] or [])
        Console().print(f"    {name:30} {metrics[name]['value']:6.3f} {interval}")


def films_of_one_patient(root: str) -> Iterator[tuple[Radiograph, Radiograph]]:
    """All pairs of films, of whatever split, that belong to one patient."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"])
    films = sorted((film for split in ("train", "val", "test") for film in dataset.split(split)), key=lambda film: film.patient_id)
    for _, group in groupby(films, key=lambda film: film.patient_id):
        yield from combinations(group, 2)


def registration(first: Radiograph, second: Radiograph) -> tuple[float, NDArray[Any]]:
    """How alike two films are, -1..1, and the (2, 3) matrix from pixels of the first to those of the second: scale and shift."""
    target = shrunk(second.pixels)
    return max((placed(shrunk(first.pixels, scale), target, scale) for scale in SCALES), key=lambda each: each[0])


def shrunk(pixels: Pixels, scale: float = 1.0) -> Pixels:
    """A film in a quarter of its size, times `scale`."""
    return np.asarray(cv2.resize(pixels, None, fx=SHRINK * scale, fy=SHRINK * scale, interpolation=cv2.INTER_AREA))


def placed(picture: Pixels, target: Pixels, scale: float) -> tuple[float, NDArray[Any]]:
    """Where the middle of a picture lies on another one."""
    top, left = picture.shape[0] // 4, picture.shape[1] // 4
    middle = picture[top:-top, left:-left]
    if middle.shape[0] > target.shape[0] or middle.shape[1] > target.shape[1]:
        return -1.0, np.eye(2, 3)
    _, likeness, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(target, middle, cv2.TM_CCOEFF_NORMED))
    return likeness, np.array([[scale, 0, (x - left) / SHRINK], [0, scale, (y - top) / SHRINK]])


def moved(first: Radiograph, second: Radiograph, matrix: NDArray[Any]) -> Spine:
    """The annotation of one film as if a pipeline had found it on another."""
    found = (_moved(vertebra, first, second, matrix) for vertebra in first.vertebrae)
    return Spine(second.film_id, second.size, tuple(vertebra for vertebra in found if vertebra))


def _moved(vertebra: Vertebra, first: Radiograph, second: Radiograph, matrix: NDArray[Any]) -> Vertebra | None:
    mask = cv2.warpAffine(paste_mask(vertebra, first.size).astype(np.uint8), matrix, second.size[::-1], flags=cv2.INTER_NEAREST)
    return mask_to_vertebra(mask > 0, level=vertebra.level)


if __name__ == "__main__":
    main(sys.argv[1])
