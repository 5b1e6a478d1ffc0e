"""How well AASCE's annotations agree with each other: `python experiments/aasce/annotation_agreement.py <folder of AASCE>`.

The data set holds some films twice, with another crop and an annotation of its own, and some patients again, on another exposure. The
annotation of one film is laid over the other and scored like the result of a pipeline, all together and by campaign. Copies give the
agreement of two readings of one picture. Another exposure cannot be laid over exactly, but well enough to see whether both were counted
from the same vertebra.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from spinefm.data.datasets.aasce import CAMPAIGNS, AasceDataset
from spinefm.evaluation.metrics import headline
from spinefm.evaluation.records import FilmRecord, record_film
from spinefm.evaluation.tables import TITLES, format_interval, format_value
from spinefm.geometry.centroids import centroids_of, local_spacings
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.structures import SPLITS, Pixels, Radiograph, Spine, Vertebra

Matrix = NDArray[np.float64]

SAME_EXPOSURE = 0.99
"""Correlation of the middles of two films from which on they are copies: pairs of one patient lie above 0.996 or below 0.987."""
SAME_POSE = 0.95
"""From which on vertebrae lie in the same places: seen on these films, all that are off by one there are named otherwise."""
SCALES = np.linspace(0.9, 1.1, 21)
SHRINK = 0.25
OF_COPIES = ("identification_rate", "labelled_identification_rate", "dice_identified", "cobb_mae_all", "cobb_smape_all")
OF_OTHERS = ("shifted_films",)


@dataclass(frozen=True, eq=False)
class Registration:
    """Where one film lies on another.

    Attributes:
        likeness: Correlation of the grey values in the middle of the first, -1..1.
        matrix: (2, 3) from pixels of the first to those of the second: scale and shift.
    """

    likeness: float
    matrix: Matrix


def main(root: str) -> None:
    """Print how large outlines are, and what the annotations of copies, and of other exposures in the same pose, say about each other."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"])
    films = [film for split in SPLITS for film in dataset.split(split)]
    for reader in CAMPAIGNS:
        sizes = [outline_size(film) for film in films if film.reader == reader]
        Console().print(f"{reader}: {len(sizes)} films, outlines of {np.mean(sizes):.3f} squared spacings, sd {np.std(sizes):.3f}")
    records = list[tuple[float, FilmRecord]]()
    for first, second in pairs_of_one_patient(films):
        its = registration(first.pixels, second.pixels)
        if its.likeness > SAME_POSE:
            records.append((its.likeness, record_film(second, moved(first, second, its.matrix))))
    for title, names, copies in (("Copies of one exposure", OF_COPIES, True), ("Other exposures in the same pose", OF_OTHERS, False)):
        chosen = [record for likeness, record in records if (likeness > SAME_EXPOSURE) == copies]
        show(title, chosen, names)
        for reader in CAMPAIGNS:
            show(f"{title}, {reader}", [record for record in chosen if record.reader == reader], names)


def show(title: str, records: Sequence[FilmRecord], names: Sequence[str]) -> None:
    """Print metrics of pairs of films, with their intervals by patient."""
    metrics = headline(records)
    Console().print(f"{title}: {len(records)} pairs of {metrics['num_patients']} patients")
    for name in names:
        interval = " to ".join(filter(None, format_interval(name, metrics)))
        Console().print(f"    {TITLES[name]:47} {format_value(name, metrics[name]['value']):8} {interval}")


def outline_size(film: Radiograph) -> float:
    """How large a film's outlines are: the mean of their areas, each over the square of the spacing of vertebrae there."""
    spacings = local_spacings(centroids_of(film.vertebrae))
    return float(np.mean([vertebra.area / spacing**2 for vertebra, spacing in zip(film.vertebrae, spacings, strict=True)]))


def pairs_of_one_patient(films: Sequence[Radiograph]) -> Iterator[tuple[Radiograph, Radiograph]]:
    """All pairs of films that belong to one patient."""
    for _, group in groupby(sorted(films, key=lambda film: film.patient_id), key=lambda film: film.patient_id):
        yield from combinations(group, 2)


def registration(first: Pixels, second: Pixels) -> Registration:
    """Lay the middle of one film, (H, W), on another, at the best of some scales, to four pixels."""
    target = _shrunk(second)
    return max((_placed(_shrunk(first, scale), target, scale) for scale in SCALES), key=lambda its: its.likeness)


def _shrunk(pixels: Pixels, scale: float = 1.0) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=SHRINK * scale, fy=SHRINK * scale, interpolation=cv2.INTER_AREA))


def _placed(picture: Pixels, target: Pixels, scale: float) -> Registration:
    top, left = picture.shape[0] // 4, picture.shape[1] // 4
    middle = picture[top:-top, left:-left]
    if middle.shape[0] > target.shape[0] or middle.shape[1] > target.shape[1]:
        return Registration(-1.0, np.eye(2, 3))
    _, likeness, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(target, middle, cv2.TM_CCOEFF_NORMED))
    return Registration(likeness, np.array([[scale, 0, (x - left) / SHRINK], [0, scale, (y - top) / SHRINK]]))


def moved(first: Radiograph, second: Radiograph, matrix: Matrix) -> Spine:
    """The annotation of one film as if a pipeline had found it on another; `matrix` as of `Registration`."""
    found = (_moved(vertebra, first, second, matrix) for vertebra in first.vertebrae)
    return Spine(second.film_id, second.size, tuple(vertebra for vertebra in found if vertebra))


def _moved(vertebra: Vertebra, first: Radiograph, second: Radiograph, matrix: Matrix) -> Vertebra | None:
    mask = cv2.warpAffine(paste_mask(vertebra, first.size).astype(np.uint8), matrix, second.size[::-1], flags=cv2.INTER_NEAREST)
    return mask_to_vertebra(mask > 0, level=vertebra.level)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"Expected the folder of AASCE, but got {len(sys.argv) - 1} arguments. {(__doc__ or '').splitlines()[0]}")
    main(sys.argv[1])
