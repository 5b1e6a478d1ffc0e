"""Which films are named otherwise than they look, by classifiers that were not trained on them.

`python experiments/aasce/names.py halves <folder of AASCE> <folder>` divides the patients of the training films in two, `<folder>/a` and
`<folder>/b`, each to train a classifier on with `dataset.splits=<folder>/a publish=<folder>/a`.

`python experiments/aasce/names.py films <folder of AASCE> <folder>` then asks each for the films of the other half, and both for validation
and test films. It prints by how many vertebrae names would have to be moved to be the likeliest, and how many pairs of films of one spine
in one pose are named alike, as annotated and when moved so; of pairs the classifiers know nothing.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from annotation_agreement import SAME_POSE, pairs_of_one_patient, registration
from numpy.typing import NDArray
from rich.console import Console

from spinefm.composition import load_components
from spinefm.data.datasets.aasce import CAMPAIGNS, LEVELS, AasceDataset
from spinefm.files.atomic import write_text
from spinefm.geometry.centroids import centroids_of
from spinefm.pipeline.examination import classify_places, places_along
from spinefm.pipeline.protocols import Classifier
from spinefm.structures import SPLITS, Radiograph, Split

HALVES = ("a", "b")
STEPS = range(-3, 4)
"""By how many vertebrae names may be off."""
FLOOR, BEYOND = 1e-3, 0.05
"""Least probability of a level, and that of a vertebra which would lie beyond T1 to L5."""
Array = NDArray[np.float64]


def main(task: str, root: str, folder: Path) -> None:
    """Divide the films, or print what their names are like."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"], readers=CAMPAIGNS)
    TASKS[task](dataset, folder)


def write_halves(dataset: AasceDataset, folder: Path) -> None:
    """Lists of two halves: the training films of every other patient; the validation films; what is left."""
    patients = sorted({source.patient_id for source in dataset.sources if dataset.split_of(source) == "train"})
    random.Random(0).shuffle(patients)
    for number, half in enumerate(HALVES):
        others = set(patients[1 - number :: 2])
        write_lists(folder / half, {s.film_id: "test" if s.patient_id in others else dataset.split_of(s) for s in dataset.sources})


def write_lists(folder: Path, division: Mapping[str, Split | None]) -> None:
    """Lists for `dataset.splits`."""
    for split in SPLITS:
        write_text(folder / f"{split}.txt", "".join(f"{film_id}\n" for film_id, where in division.items() if where == split))


def show_names(dataset: AasceDataset, folder: Path) -> None:
    """Print what the names of each split are like."""
    films = {split: list(dataset.split(split)) for split in SPLITS}
    steps = steps_of([film for its in films.values() for film in its], folder)
    for split, its in films.items():
        show(split, its, steps)


TASKS = {"halves": write_halves, "films": show_names}


def show(split: str, films: Sequence[Radiograph], steps: Mapping[str, int]) -> None:
    """Print how many films of each campaign are named otherwise, and how many pairs alike."""
    for reader in CAMPAIGNS:
        counts = Counter(steps[film.film_id] for film in films if film.reader == reader)
        Console().print(f"{split}, {reader}: {counts.total()} films, by steps downwards to the likeliest name: {sorted(counts.items())}")
    offsets = pair_offsets(films)
    before, after = alike(offsets, {}), alike(offsets, steps)
    Console().print(f"{split}: pairs named alike, of {len(offsets)}: {before} as annotated, {after} by the likeliest names")


def steps_of(films: Sequence[Radiograph], folder: Path) -> dict[str, int]:
    """By how many vertebrae the names of each film are off, downwards, for the classifiers that have not seen it."""
    classifiers = {half: load_components(folder / half, ["resnet"])["resnet"].eval() for half in HALVES}
    seen = {half: set((folder / half / "train.txt").read_text(encoding="utf-8").split()) for half in HALVES}
    unseen = ((film, [classifiers[half] for half in HALVES if film.film_id not in seen[half]]) for film in films)
    return {film.film_id: likeliest_steps(np.mean([named(its, film) for its in others], axis=0)) for film, others in unseen}


def named(classifier: Classifier, film: Radiograph) -> Array:
    """(17, 17) probabilities of each level at each annotated centroid."""
    columns = [classifier.classes.index(level) for level in LEVELS]
    return classify_places(classifier, places_along(film, film.vertebrae))[:, columns]


def likeliest_steps(probabilities: Array) -> int:
    """By how many columns rows have to be moved for their names to be the likeliest all together; `probabilities` as of `named`."""
    logs = np.log(np.maximum(probabilities, FLOOR))
    missing = len(logs) - np.array([len(np.diagonal(logs, steps)) for steps in STEPS])
    return STEPS[int(np.argmax([np.trace(logs, steps) for steps in STEPS] + missing * np.log(BEYOND)))]


def pair_offsets(films: Sequence[Radiograph]) -> dict[tuple[str, str], int]:
    """How much further down a vertebra comes in the second film's annotation than in the first's, for pairs of one spine in one pose."""
    found = ((pair, registration(*(film.pixels for film in pair))) for pair in pairs_of_one_patient(films))
    return {(a.film_id, b.film_id): offset(a, b, its.matrix) for (a, b), its in found if its.likeness > SAME_POSE}


def offset(first: Radiograph, second: Radiograph, matrix: Array) -> int:
    """See `pair_offsets`; `matrix` leads from the first film to the second."""
    there = centroids_of(first.vertebrae) @ matrix[:, :2].T + matrix[:, 2]
    nearest = np.linalg.norm(there[:, None] - centroids_of(second.vertebrae), axis=2).argmin(1)
    inner = slice(2, -2)  # what lies beyond an end has its nearest vertebra there
    return Counter((nearest - np.arange(len(nearest)))[inner].tolist()).most_common(1)[0][0]


def alike(offsets: Mapping[tuple[str, str], int], steps: Mapping[str, int]) -> int:
    """How many pairs have one name for one vertebra."""
    return sum(steps.get(first, 0) == steps.get(second, 0) + offset for (first, second), offset in offsets.items())


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in TASKS:
        sys.exit(f"Expected one of {', '.join(TASKS)}, the folder of AASCE and a folder, but got {' '.join(sys.argv[1:]) or 'nothing'}.")
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
