"""Published splits: `train.txt`, `val.txt` and `test.txt` with one film id a line."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from spinefm.data.film_source import film_named
from spinefm.data.problems import DataError, Problem, Report
from spinefm.structures import SPLITS, Split

FOLDERS = (".", "data_split", "splits")
"""Where lists lie, below the root of a data set."""


def find_lists(root: Path, folder: str | None) -> dict[Split, Path]:
    """The published lists of a data set.

    Args:
        root: Folder of the data set.
        folder: Where the lists are; None looks in `FOLDERS` and takes the first that holds `train.txt`.

    Returns:
        At least `train.txt`, or nothing where nothing is published.

    Raises:
        DataError: If `folder` is given and holds no `train.txt`.
    """
    places = [Path(folder).expanduser()] if folder else [root / name for name in FOLDERS]
    for place in places:
        if (place / "train.txt").is_file():
            return {split: place / f"{split}.txt" for split in SPLITS if (place / f"{split}.txt").is_file()}
    if folder:
        raise DataError(Problem(places[0], "to hold train.txt, val.txt and test.txt", "no train.txt", "Correct `dataset.splits`."))
    return {}


def lone_lists(root: Path) -> Iterator[Problem]:
    """A problem for each list of held-out films, where `find_lists` finds none for training: they would be trained on."""
    for path in (root / name / f"{split}.txt" for name in FOLDERS for split in SPLITS):
        if path.is_file():
            yield Problem(path, "to lie beside a train.txt", "none", "Write one, too, empty if nothing is trained.")


def read_lists(lists: Mapping[Split, Path], film_ids: Sequence[str], report: Report) -> dict[str, Split]:
    """The split of each film that stands in a list.

    Lines are film ids or names of film files, with folder and suffix or without. One without a film or in two lists is reported as fatal.

    Args:
        lists: From `find_lists`.
        film_ids: The films that are there.
        report: Takes what does not fit.
    """
    known, chosen = set(film_ids), dict[str, Split]()
    for split, path in lists.items():
        for name in _names(path):
            film_id = film_named(name, known) or film_named(PurePath(name).name, known)
            if film_id is None:
                found = f"{name!r}, of which there is no annotated film"
                report(Problem(path, "to name films of the data set", found, "Complete the data set or the list."))
            elif chosen.setdefault(film_id, split) != split:
                found = f"{name!r}, which is in {chosen[film_id]}.txt too"
                report(Problem(path, "to name films of no other split", found, "Remove it from one."))
    return chosen


def _names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(Problem(path, "to be a text in UTF-8", str(error), "Save it as UTF-8.")) from error
    return [line.strip() for line in lines if line.strip()]
