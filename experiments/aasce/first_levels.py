"""Which films are named otherwise than they look, by classifiers that were not trained on them.

`python experiments/aasce/first_levels.py <folder of AASCE> <folder>` divides the patients of the training films in two, `<folder>/a` and
`<folder>/b`, each to train a classifier on with `dataset.splits=<folder>/a publish=<folder>/a`.

`python experiments/aasce/first_levels.py <folder of AASCE> <folder> <table>` then asks each for the films of the other half, and both for
validation and test films, and writes those that they would rather name from another vertebra than T1 on: a table for
`dataset.first_levels`. With `dataset.splits=<folder>/agreed` training goes without those of its films. It prints how many there are, and
how many pairs of films of one spine in one pose are named alike, as annotated and by the table; of pairs the classifiers know nothing.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from annotation_agreement import SAME_POSE, pairs_of_one_patient, registration
from numpy.typing import NDArray
from rich.console import Console

from spinefm.anatomy import order_with
from spinefm.composition import load_components
from spinefm.data.datasets.aasce import CAMPAIGNS, LEVELS, AasceDataset
from spinefm.data.reading.first_levels import COLUMNS
from spinefm.files.atomic import write_text
from spinefm.geometry.centroids import centroids_of
from spinefm.pipeline.examination import classify_places, places_along
from spinefm.pipeline.protocols import Classifier
from spinefm.structures import SPLITS, Radiograph, Split

HALVES, AGREED = ("a", "b"), "agreed"
STEPS = range(-3, 4)
"""By how many vertebrae names may be off."""
FLOOR, BEYOND = 1e-3, 0.05
"""Least probability of a level, and that of a vertebra which would lie beyond T1 to L5."""
Array = NDArray[np.float64]


def main(root: str, folder: Path, table: Path | None) -> None:
    """Divide the films, or name them and print how well names agree."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"], readers=CAMPAIGNS)
    if table is None:
        write_halves(dataset, folder)
    else:
        name_films(dataset, folder, table)


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


def name_films(dataset: AasceDataset, folder: Path, table: Path) -> None:
    """Write the table and the lists without its training films, and print what the names of each split are like."""
    films = {split: list(dataset.split(split)) for split in SPLITS}
    steps = steps_of([film for its in films.values() for film in its], folder)
    write_text(table, "".join(f"{film_id},{first}\n" for film_id, first in [tuple(COLUMNS), *first_levels(steps).items()]))
    division = {source.film_id: dataset.split_of(source) for source in dataset.sources}
    write_lists(folder / AGREED, {film_id: split for film_id, split in division.items() if split != "train" or not steps[film_id]})
    for split, its in films.items():
        show(split, its, steps)


def show(split: str, films: Sequence[Radiograph], steps: Mapping[str, int]) -> None:
    """Print how many films of each campaign are named otherwise, and how many pairs alike."""
    for reader in CAMPAIGNS:
        counts = Counter(steps[film.film_id] for film in films if film.reader == reader)
        Console().print(f"{split}, {reader}: {counts.total()} films, by steps to the name of the table: {sorted(counts.items())}")
    offsets = pair_offsets(films)
    Console().print(
        f"{split}: pairs named alike, of {len(offsets)}: {alike(offsets, {})} as annotated, {alike(offsets, steps)} by the table"
    )


def steps_of(films: Sequence[Radiograph], folder: Path) -> dict[str, int]:
    """By how many vertebrae the names of each film are off, downwards, for the classifiers that have not seen it."""
    classifiers = {half: load_components(folder / half, ["resnet"])["resnet"].eval() for half in HALVES}
    seen = {half: set((folder / half / "train.txt").read_text(encoding="utf-8").split()) for half in HALVES}
    unseen = ((film, [classifiers[half] for half in HALVES if film.film_id not in seen[half]]) for film in films)
    return {film.film_id: likeliest_steps(np.mean([named(its, film) for its in others], axis=0)) for film, others in unseen}


@torch.inference_mode()
def named(classifier: Classifier, film: Radiograph) -> Array:
    """(17, 17) probabilities of each level at each annotated centroid."""
    columns = [classifier.classes.index(level) for level in LEVELS]
    return classify_places(classifier, places_along(film, film.vertebrae))[:, columns]


def likeliest_steps(probabilities: Array) -> int:
    """By how many columns rows have to be moved for their names to be the likeliest all together; `probabilities` as of `named`."""
    logs = np.log(np.maximum(probabilities, FLOOR))
    missing = len(logs) - np.array([len(np.diagonal(logs, steps)) for steps in STEPS])
    return STEPS[int(np.argmax([np.trace(logs, steps) for steps in STEPS] + missing * np.log(BEYOND)))]


def first_levels(steps: Mapping[str, int]) -> dict[str, str]:
    """The level of the topmost vertebra of each film whose names are off."""
    order = order_with(())
    return {film_id: order[order.index(LEVELS[0]) + its] for film_id, its in steps.items() if its}


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
    if len(sys.argv) not in (3, 4):
        sys.exit(f"Expected the folder of AASCE, a folder and perhaps a table, but got {len(sys.argv) - 1} arguments.")
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
