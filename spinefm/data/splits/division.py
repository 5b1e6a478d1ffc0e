"""Dividing the films of a data set among the splits: as published, else by patient."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from spinefm.data.film_source import FilmSource
from spinefm.data.problems import Problem, Report
from spinefm.data.splits.grouping import grouped_split, shared_patients
from spinefm.data.splits.lists import lone_lists, read_lists
from spinefm.structures import Split

Division = dict[str, Split]
"""The split of each film, by its id; films in no split are absent."""


def published_division(
    root: Path, sources: Sequence[FilmSource], lists: Mapping[Split, Path], excluded: Collection[str], report: Report
) -> Division | None:
    """As lists say, else as the films' own table says; None where neither says anything.

    Args:
        root: Folder of the data set.
        sources: Its films.
        lists: See `find_lists`.
        excluded: Ids that lists may name although no film of them is used.
        report: Takes what does not fit.
    """
    film_ids = [source.film_id for source in sources]
    listed = read_lists(lists, [*film_ids, *excluded], report)
    division = {film_id: listed[film_id] for film_id in film_ids if film_id in listed}
    if not lists:
        division = {source.film_id: source.split for source in sources if source.split is not None}
    if not lists and not division:
        for problem in lone_lists(root):
            report(problem)
        return None
    if len(division) < len(sources):
        found = f"{len(sources) - len(division)} films without one, which are left out"
        report(Problem(root, "to name a split for every film", found, "Add them to a list to use them.", fatal=False))
    return division


def patient_division(root: Path, sources: Sequence[FilmSource], fractions: Mapping[Split, float], seed: int, report: Report) -> Division:
    """Whole patients at a time, every stratum (or view) alike; see `grouped_split`.

    Args:
        root: Folder of the data set.
        sources: Its films.
        fractions: Share of the films in each split.
        seed: See `grouped_split`.
        report: Takes a note of splits that get no film although they have a share.
    """
    patients, strata = [source.patient_id for source in sources], [source.stratum or source.view.value for source in sources]
    chosen = grouped_split(patients, strata, fractions, seed)
    if empty := [split for split, share in fractions.items() if share > 0 and split not in chosen]:
        found = f"{len(set(patients))}, with no film left for {' and '.join(empty)}"
        report(Problem(root, "to hold enough patients for every split", found, "Add films or change `dataset.fractions`.", fatal=False))
    return {source.film_id: split for source, split in zip(sources, chosen, strict=True)}


def divided_patients(sources: Sequence[FilmSource], division: Division, fatal: bool) -> Iterator[Problem]:
    """A problem for each patient who stands in two splits."""
    patients: dict[Split, list[str]] = {}
    for source in sources:
        if source.film_id in division:
            patients.setdefault(division[source.film_id], []).append(source.patient_id)
    images = {source.patient_id: source.image for source in sources}
    remedy = "Move the patient's films to one split." if fatal else "Test results may flatter."
    for patient, (first, second) in shared_patients(patients).items():
        found = f"films of patient {patient!r} in both {first} and {second}"
        yield Problem(images[patient], "and its patient to be in one split", found, remedy, fatal)
