"""Which files of a folder are films."""

from collections import Counter, defaultdict
from pathlib import Path

from spinefm.data.problems import DataError, Problem
from spinefm.data.reading.film_files import FILM_SUFFIXES, FORMATS, check_film, is_film

SUFFIXES_NAMED = 5
"""Of files that are no films: those named by UIDs have as many suffixes as there are files."""


def find_films(path: str | Path) -> list[Path]:
    """The film a path names, or the films directly in a folder, sorted by name; hidden files are skipped.

    Raises:
        DataError: If the path does not exist, is a file of another format, or is a folder without films.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(Problem(place, "to be a film or a folder of films", "nothing at this path", "Check the path."))
    if not place.is_dir():
        return [check_film(place)]
    films = [entry for entry in _visible(place) if is_film(entry)]
    if not films:
        found, remedy = passed_over(place, films) or "nothing", "Convert them, or name the folder that holds the films itself."
        raise DataError(Problem(place, f"to be a folder with {FORMATS} films", found, remedy))
    return films


def passed_over(folder: Path, films: list[Path]) -> str:
    """How many files of a folder are none of its films, with their most frequent suffixes, and its folders, in words; empty for none."""
    entries = _visible(folder)
    folders = sum(entry.is_dir() for entry in entries)
    inner = "1 folder, not searched" if folders == 1 else f"{folders} folders, not searched"
    return ", and ".join(filter(None, [_other_files(set(entries).difference(films)), inner * (folders > 0)]))


def _other_files(entries: set[Path]) -> str:
    others = sorted(entry for entry in entries if entry.is_file())
    suffixes = Counter(_suffixes(path) for path in others)
    named = [f"{count} {suffix}" for suffix, count in suffixes.most_common(SUFFIXES_NAMED)]
    named += ["and others"] if len(suffixes) > SUFFIXES_NAMED else []
    files = "1 other file" if len(others) == 1 else f"{len(others)} other files"
    return f"{files} ({', '.join(named)})" if others else ""


class ImageFolder:
    """The films of a data set's folder, by name; it is listed once.

    Args:
        path: Of the folder; one that is not there holds no films.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._images = defaultdict[str, list[Path]](list)
        for entry in sorted(path.iterdir() if path.is_dir() else (), key=lambda entry: (entry.suffix.lower(), entry.name)):
            if entry.suffix.lower() in FILM_SUFFIXES and entry.is_file():
                self._images[entry.stem].append(entry)

    def named(self, stem: str) -> list[Path]:
        """The films of a name, without suffix, in whatever formats there are."""
        return self._images.get(stem, [])

    def only(self, stem: str, annotation: Path) -> Path:
        """The one film of a name.

        Args:
            stem: Name of the film, without suffix.
            annotation: A file that is about the film, for the message.

        Raises:
            DataError: If there is none, or several, of which nobody can tell which one was annotated.
        """
        images = self.named(stem)
        if len(images) == 1:
            return images[0]
        found = " and ".join(image.name for image in images) or f"none called {stem}"
        remedy = "Remove all but one." if images else "Complete the data set."
        raise DataError(Problem(annotation, f"to have one film in {self._path.name}", found, remedy))


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _suffixes(path: Path) -> str:
    """Of `a.dcm.gz` both, of other files the last."""
    inner = Path(path.stem).suffix
    return (inner if inner.lower() in FILM_SUFFIXES else "") + path.suffix or "without suffix"
