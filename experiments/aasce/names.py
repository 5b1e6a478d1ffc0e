"""Which films are named otherwise than they look, by classifiers that were not trained on them.

`python experiments/aasce/names.py halves <folder of AASCE> <folder>` divides the patients of the training films in two, `<folder>/a` and
`<folder>/b`, each to train a classifier on with `dataset.splits=<folder>/a publish=<folder>/a`.

`python experiments/aasce/names.py films <folder of AASCE> <folder>` then asks each for the films of the other half, and both for validation
and test films. It prints by how many vertebrae names would have to be moved to be the likeliest, and how many pairs of exposures of one
spine in one pose are named differently, as annotated and when moved so; of pairs the classifiers know nothing.
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from annotation_agreement import names_that_differ, pairs_in_one_pose
from numpy.typing import NDArray
from rich.console import Console

from spinefm.composition import load_components
from spinefm.data.datasets.aasce import CAMPAIGNS, LEVELS, AasceDataset
from spinefm.files.atomic import write_text
from spinefm.pipeline.examination import classify_places, places_along
from spinefm.pipeline.protocols import Classifier
from spinefm.structures import SPLITS, Radiograph

HALVES = ("a", "b")
STEPS = range(-3, 4)
"""By how many vertebrae names may be moved, downwards."""
FLOOR, BEYOND = 1e-3, 0.05
"""Least probability of a level, and that of a vertebra which would lie beyond T1 to L5."""
Array = NDArray[np.float64]


def main(task: str, root: str, folder: Path) -> None:
    """Divide the films, or print what their names are like."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"], readers=CAMPAIGNS)
    TASKS[task](dataset, folder)


def write_halves(dataset: AasceDataset, folder: Path) -> None:
    """Lists of two halves for `dataset.splits`: the training films of every other patient; the validation films; what is left."""
    patients = sorted({source.patient_id for source in dataset.sources if dataset.split_of(source) == "train"})
    random.Random(0).shuffle(patients)
    for number, half in enumerate(HALVES):
        others = set(patients[1 - number :: 2])
        division = {s.film_id: "test" if s.patient_id in others else dataset.split_of(s) for s in dataset.sources}
        for split in SPLITS:
            lines = "".join(f"{film_id}\n" for film_id, where in division.items() if where == split)
            write_text(folder / half / f"{split}.txt", lines)


def show_names(dataset: AasceDataset, folder: Path) -> None:
    """Print by how many vertebrae names would have to be moved, and how many pairs are named differently before and after."""
    films = {split: list(dataset.split(split)) for split in SPLITS}
    steps = steps_of([film for members in films.values() for film in members], folder)
    for split, members in films.items():
        for reader in CAMPAIGNS:
            counts = Counter(steps[film.film_id] for film in members if film.reader == reader)
            Console().print(f"{split}, {reader}: {counts.total()} films, by steps down to the likeliest names: {sorted(counts.items())}")
        pairs = [pair for pair in pairs_in_one_pose(members) if not pair.is_copy]
        Console().print(f"{split}, as annotated: {names_that_differ(pairs)}")
        Console().print(f"{split}, with the likeliest names: {names_that_differ(pairs, steps)}")


TASKS = {"halves": write_halves, "films": show_names}


def steps_of(films: Sequence[Radiograph], folder: Path) -> dict[str, int]:
    """By how many vertebrae the names of each film have to be moved down to be the likeliest for classifiers that have not seen it."""
    classifiers: dict[str, Any] = {half: load_components(folder / half, ["resnet"])["resnet"] for half in HALVES}
    seen = {half: set((folder / half / "train.txt").read_text(encoding="utf-8").split()) for half in HALVES}
    unseen = ((film, [classifiers[half] for half in HALVES if film.film_id not in seen[half]]) for film in films)
    return {film.film_id: likeliest_steps(np.mean([level_probabilities(c, film) for c in asked], axis=0)) for film, asked in unseen}


def level_probabilities(classifier: Classifier, film: Radiograph) -> Array:
    """(17, 17) probabilities of each level at each annotated centroid."""
    columns = [classifier.classes.index(level) for level in LEVELS]
    return classify_places(classifier, places_along(film, film.vertebrae))[:, columns]


def likeliest_steps(probabilities: Array) -> int:
    """By how many columns rows have to be moved for their names to be the likeliest all together.

    Args:
        probabilities: As of `level_probabilities`.
    """
    logs = np.log(np.maximum(probabilities, FLOOR))
    return max(STEPS, key=lambda steps: np.trace(logs, steps) + abs(steps) * np.log(BEYOND))


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in TASKS:
        found = " ".join(sys.argv[1:]) or "nothing"
        sys.exit(f"Expected `{' or '.join(TASKS)} <folder of AASCE> <folder>`, but got {found}. Call it as its first lines say.")
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
