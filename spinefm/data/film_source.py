"""Where a film of a data set of files comes from."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from spinefm.data.problems import DataError, Problem
from spinefm.data.reading.film_files import FILM_SUFFIXES
from spinefm.structures import CobbAngles, Split, View

ANNOTATION_SUFFIXES = (".json", ".csv", ".npy", ".npz")
MOST_BYTES = 200
"""Of a film's id; file systems take names of 255."""


@dataclass(frozen=True, eq=False)
class FilmSource:
    """Where one annotated film lies, and whose it is.

    Attributes:
        film_id: See `Radiograph`; from `safe_id`.
        image: The film's file.
        patient_id: See `Radiograph`.
        view: See `Radiograph`.
        annotations: Files that hold nothing but this film's annotation.
        row: What else the film depends on, such as its row of a table, as text.
        stratum: Films of each stratum are dealt evenly to the splits; the view if empty.
        split: The split its publisher put it in, where a table tells; lists of ids count more.
        spacing_mm: Side of a pixel, where a table tells; counts more than what the film's file says.
        cobb_angles: See `Radiograph`, where a table tells.
        reader: See `Radiograph`.
    """

    film_id: str
    image: Path
    patient_id: str
    view: View = View.UNKNOWN
    annotations: tuple[Path, ...] = ()
    row: str = ""
    stratum: str = ""
    split: Split | None = None
    spacing_mm: float | None = None
    cobb_angles: CobbAngles | None = None
    reader: str | None = None


def known_view(view: str, option: str) -> View:
    """The view that an option of a config names.

    Raises:
        ValueError: If there is no such view.
    """
    if view not in [*View]:
        raise ValueError(f"Expected `{option}` to be one of {', '.join(View)}, but got {view!r}.")
    return View(view)


def stamp(path: Path) -> str:
    """Name, size and time of a file: what changes when its content does."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(Problem(path, "to be a file", str(error.strerror), "Complete the data set.")) from error
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def check_folder(path: Path, purpose: str) -> Path:
    """Make sure that a folder is there.

    Raises:
        DataError: If it is not.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing at this path"
        raise DataError(Problem(path, f"to be {purpose}", found, "Set `dataset.root=<folder>`."))
    return path


def film_stem(path: PurePath) -> str:
    """The name of a file without the suffix of a film or of an annotation; that of a DICOM UID, such as 1.2.840.5, has none."""
    return path.stem if path.suffix.lower() in (*FILM_SUFFIXES, *ANNOTATION_SUFFIXES) else path.name


def safe_id(stem: str) -> str:
    """A film's id from the name of its file, safe as a file name on every system, also with an ending such as `_overlay.jpg`."""
    film_id = re.sub(r"[^\w.-]+", "_", stem)
    if len(film_id.encode()) <= MOST_BYTES:
        return film_id
    digest = hashlib.sha256(film_id.encode()).hexdigest()[:8]
    return f"{film_id.encode()[: MOST_BYTES - 9].decode(errors='ignore')}-{digest}"


def film_ids(paths: Sequence[PurePath]) -> list[str]:
    """Ids of films: their files' names without suffix, and with their folders where two share a name."""
    stems = [film_stem(path) for path in paths]
    counts = Counter(map(safe_id, stems))
    whole = ["_".join((*path.parent.parts, stem)) for path, stem in zip(paths, stems, strict=True)]
    return [safe_id(stem if counts[safe_id(stem)] == 1 else name) for stem, name in zip(stems, whole, strict=True)]


def film_named(name: str, known: Collection[str]) -> str | None:
    """The film that somebody means: by its id, which may itself end like a file's name, or by its file's name, or its annotation's.

    None if there is none.

    Args:
        name: As it was written.
        known: Ids of the films that are there.
    """
    path = PurePath(name)
    stem = str(path.parent / film_stem(path))
    return next((film_id for film_id in (safe_id(name), safe_id(stem)) if film_id in known), None)
