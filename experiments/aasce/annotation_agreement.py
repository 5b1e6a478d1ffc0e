"""How well AASCE's annotations agree with each other: `python experiments/aasce/annotation_agreement.py <folder of AASCE>`.

The data set holds some films twice, with another crop and an annotation of its own, and some patients again, on another exposure. The
annotation of one film is laid over the other and scored like the result of a pipeline, all together and by campaign. Copies give the
agreement of two readings of one picture. Another exposure cannot be laid over exactly, but well enough to see whether both were counted
from the same vertebra.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from spinefm.data.datasets.aasce import CAMPAIGNS, AasceDataset
from spinefm.evaluation.intervals import bootstrap_interval
from spinefm.evaluation.metrics import headline
from spinefm.evaluation.records import record_film
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


@dataclass(frozen=True, eq=False)
class Registration:
    """Where one film lies on another.

    Attributes:
        likeness: Correlation of the grey values in the middle of the first, -1..1.
        matrix: (2, 3) from pixels of the first to those of the second: scale and shift.
    """

    likeness: float
    matrix: Matrix


@dataclass(frozen=True, eq=False)
class Pair:
    """Two films of one spine in one pose.

    Attributes:
        first: One film.
        second: The other.
        registration: Where the first lies on the second.
    """

    first: Radiograph
    second: Radiograph
    registration: Registration

    @property
    def is_copy(self) -> bool:
        """Whether they show one exposure."""
        return self.registration.likeness > SAME_EXPOSURE

    @property
    def steps(self) -> int:
        """By how many vertebrae the names of the second film would have to be moved up to be those of the first, for most of them."""
        matrix = self.registration.matrix
        there = centroids_of(self.first.vertebrae) @ matrix[:, :2].T + matrix[:, 2]
        nearest = np.linalg.norm(there[:, None] - centroids_of(self.second.vertebrae), axis=2).argmin(1)
        return int(Counter((nearest - np.arange(len(nearest))).tolist()).most_common(1)[0][0])


def main(root: str) -> None:
    """Print how large outlines are, and what the annotations of copies, and of other exposures in the same pose, say about each other."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"])
    films = [film for split in SPLITS for film in dataset.split(split)]
    for reader in CAMPAIGNS:
        sizes = [outline_size(film) for film in films if film.reader == reader]
        Console().print(f"{reader}: {len(sizes)} films, outlines of {np.mean(sizes):.3f} squared spacings, sd {np.std(sizes):.3f}")
    pairs = list(pairs_in_one_pose(films))
    for readers in (CAMPAIGNS, *((reader,) for reader in CAMPAIGNS)):
        its = [pair for pair in pairs if pair.second.reader in readers]
        show_copies(", ".join(readers), [pair for pair in its if pair.is_copy])
        Console().print(f"Other exposures, {', '.join(readers)}: {names_that_differ([pair for pair in its if not pair.is_copy])}")


def show_copies(title: str, pairs: Sequence[Pair]) -> None:
    """Print metrics of copies, with their intervals by patient."""
    metrics = headline([record_film(pair.second, moved(pair.first, pair.second, pair.registration.matrix)) for pair in pairs])
    Console().print(f"Copies of one exposure, {title}: {len(pairs)} pairs of {metrics['num_patients']} patients")
    for name in OF_COPIES:
        interval = " to ".join(filter(None, format_interval(name, metrics)))
        Console().print(f"    {TITLES[name]:47} {format_value(name, metrics[name]['value']):8} {interval}")


def names_that_differ(pairs: Sequence[Pair], steps: Mapping[str, int] | None = None) -> str:
    """How many pairs do not have one name for one vertebra, in words, with an interval by patient.

    Args:
        pairs: Of films of known patients.
        steps: By how many vertebrae the names of a film are moved down before, by its id; 0 for others.
    """
    moved_by, differ = steps or {}, dict[str, list[bool]]()
    for pair in pairs:
        is_alike = moved_by.get(pair.first.film_id, 0) == moved_by.get(pair.second.film_id, 0) + pair.steps
        differ.setdefault(pair.first.patient_id, []).append(not is_alike)
    interval = bootstrap_interval([sum(its) for its in differ.values()], [len(its) for its in differ.values()])
    number, bounds = sum(map(sum, differ.values())), " to ".join(f"{bound:.3f}" for bound in interval or ())
    return f"{number} of {len(pairs)} pairs of {len(differ)} patients are named differently, {number / max(len(pairs), 1):.3f}, {bounds}"


def outline_size(film: Radiograph) -> float:
    """How large a film's outlines are: the mean of their areas, each over the square of the spacing of vertebrae there."""
    spacings = local_spacings(centroids_of(film.vertebrae))
    return float(np.mean([vertebra.area / spacing**2 for vertebra, spacing in zip(film.vertebrae, spacings, strict=True)]))


def pairs_in_one_pose(films: Sequence[Radiograph]) -> Iterator[Pair]:
    """All pairs of films of one patient that can be laid on each other."""
    for _, group in groupby(sorted(films, key=lambda film: film.patient_id), key=lambda film: film.patient_id):
        for first, second in combinations(group, 2):
            pair = Pair(first, second, registration(first.pixels, second.pixels))
            if pair.registration.likeness > SAME_POSE:
                yield pair


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
