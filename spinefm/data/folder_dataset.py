"""A data set of files in a folder: its films, whose they are, and how they are divided."""

import logging
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypedDict

from spinefm.data.annotation import from_head_to_foot
from spinefm.data.dataset import Films, Inspection, RadiographDataset, digest
from spinefm.data.polarity import is_inverted
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.split_lists import find_lists, read_lists
from spinefm.data.splits import FRACTIONS, SPLITS, check_split, grouped_split, shared_patients
from spinefm.structures import Radiograph, Split, View

logger = logging.getLogger(__name__)


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
    """

    film_id: str
    image: Path
    patient_id: str
    view: View = View.UNKNOWN
    annotations: tuple[Path, ...] = ()
    row: str = ""
    stratum: str = ""
    split: Split | None = None


class DatasetOptions(TypedDict, total=False):
    """Arguments that every `FolderDataset` takes; see there."""

    landmarks: Sequence[str]
    terminals: Sequence[str]
    splits: str | None
    seed: int
    fractions: Mapping[Split, float]
    cache_dir: str | None


class FolderDataset(RadiographDataset):
    """A data set of files in a folder; a subclass finds the films and reads one.

    Attributes:
        sources: Every film that was found, in a fixed order.
        problems: What was noticed while the films were looked for and divided.
        patients_may_share: Whether published splits that divide a patient are taken as they are, with a warning.
    """

    patients_may_share = False

    def __init__(
        self,
        root: Path,
        sources: Sequence[FilmSource],
        problems: Iterable[Problem] = (),
        landmarks: Sequence[str] = (),
        terminals: Sequence[str] = (),
        splits: str | None = None,
        seed: int = 0,
        fractions: Mapping[Split, float] = FRACTIONS,
        cache_dir: str | None = None,
    ) -> None:
        """Divide the films.

        Args:
            root: Folder of the data set.
            sources: What a subclass found there.
            problems: What it noticed.
            landmarks: See `RadiographDataset`.
            terminals: See `RadiographDataset`.
            splits: Folder with `train.txt`, `val.txt`, `test.txt`; None looks for them, see `find_lists`.
            seed: Where nothing is published, another seed splits the patients in another way.
            fractions: Where nothing is published, the share of the films in each split.
            cache_dir: See `RadiographDataset`.

        Raises:
            DataError: If there is no film, or two have one id.
            ValueError: If the fractions are not shares of 1.
        """
        self.landmarks, self.terminals = tuple(landmarks), tuple(terminals)
        self.cache_dir = Path(cache_dir).expanduser() if cache_dir else None
        self.sources, noticed = tuple(sources), list(problems)
        self.problems = tuple(noticed)
        if not self.sources:
            self._raise_first_fatal()
            raise DataError(Problem(root, f"to hold annotated films of `dataset={self.name}`", "none", "Set `dataset.root=<folder>`."))
        _check_unique(self.sources)
        self._split_of = self._divide(root, find_lists(root, splits), fractions, seed, noticed.append)
        self.problems = (*noticed, *self._check_patients())
        self._log_problems()

    @abstractmethod
    def read(self, source: FilmSource, report: Report) -> Radiograph:
        """Read one film with its annotation.

        Args:
            source: One of `sources`.
            report: Takes what was mended on the way.

        Raises:
            DataError: If the film or its annotation cannot be used.
        """

    def settings(self) -> tuple[object, ...]:
        """The subclass's arguments on which the content of a film depends."""
        return ()

    def split(self, split: Split) -> Films[FilmSource]:
        """The films of one split, read when indexed, in the order in which they were found.

        Raises:
            DataError: If something fatal was noticed while the films were looked for.
            ValueError: If there is no such split.
        """
        self._raise_first_fatal()
        return Films(self._members(check_split(split)), partial(self.load, report=_log), self.key)

    def load(self, source: FilmSource, report: Report) -> Radiograph:
        """`read` a film, put its vertebrae in order and turn it over if its bone is dark.

        Raises:
            DataError: See `read`; also if it has no vertebra, or one level twice or in the wrong place.
        """
        film = self.read(source, report)
        if not film.vertebrae:
            raise DataError(Problem(source.image, "to have an annotated vertebra", "none", "Annotate it or take it away."))
        film = replace(film, vertebrae=from_head_to_foot(film.vertebrae, source.image))
        if not is_inverted(film.pixels, film.vertebrae):
            return film
        report(Problem(source.image, "to show bone bright", "dark bone", "It was turned over.", fatal=False))
        return replace(film, pixels=255 - film.pixels)

    def __len__(self) -> int:
        """See `RadiographDataset`."""
        return len(self.sources)

    def inspect(self) -> Iterator[Inspection]:
        """See `RadiographDataset.inspect`; also what is in no split."""
        for source in self.sources:
            problems = list[Problem]()
            try:
                film = self.load(source, problems.append)
            except DataError as error:
                yield Inspection(source.film_id, self.split_of(source), None, (*problems, error.problem))
            else:
                yield Inspection(source.film_id, self.split_of(source), film, tuple(problems))

    def split_of(self, source: FilmSource) -> Split | None:
        """The split of a film; None if the published lists leave it out."""
        return self._split_of.get(source.film_id)

    def key(self, source: FilmSource) -> str:
        """Digest of everything that a film's content depends on: names, sizes and times of its files, and settings."""
        files = [stamp(path) for path in (source.image, *source.annotations)]
        names = (type(self).__qualname__, source.film_id, source.patient_id, source.view.value)
        return digest(*names, *map(repr, self.settings()), source.row, *files)

    @property
    def fingerprint(self) -> str:
        """Digest of the films' keys and their splits."""
        return digest(*(f"{self._split_of.get(source.film_id)} {self.key(source)}" for source in self.sources))

    def _members(self, split: Split) -> list[FilmSource]:
        return [source for source in self.sources if self._split_of.get(source.film_id) == split]

    def _divide(
        self, root: Path, lists: Mapping[Split, Path], fractions: Mapping[Split, float], seed: int, report: Report
    ) -> dict[str, Split]:
        """The split of each film: as published in lists, else in a table, else by patient."""
        published = {source.film_id: source.split for source in self.sources if source.split is not None}
        if lists:
            published = read_lists(lists, [source.film_id for source in self.sources], safe_id, report)
        if lists or published:
            if left_out := len(self.sources) - len(published):
                found = f"{left_out} films without one, which are left out"
                report(Problem(root, "to name a split for every film", found, "Add them to a list to use them.", fatal=False))
            return published
        patients = [source.patient_id for source in self.sources]
        chosen = grouped_split(patients, [source.stratum or source.view.value for source in self.sources], fractions, seed)
        return {source.film_id: split for source, split in zip(self.sources, chosen, strict=True)}

    def _check_patients(self) -> Iterator[Problem]:
        shared = shared_patients({split: [source.patient_id for source in self._members(split)] for split in SPLITS})
        images = {source.patient_id: source.image for source in self.sources}
        for patient, (first, second) in shared.items():
            found = f"films of patient {patient!r} in both {first} and {second}"
            remedy = "Test results may flatter." if self.patients_may_share else "Move the patient's films to one split."
            yield Problem(images[patient], "and its patient to be in one split", found, remedy, not self.patients_may_share)

    def _log_problems(self) -> None:
        """One line per kind of problem, or hundreds of lines would hide the one that matters."""
        kinds: dict[tuple[str, str, bool], list[Problem]] = {}
        for problem in self.problems:
            kinds.setdefault((problem.expected, problem.remedy, problem.fatal), []).append(problem)
        for (*_, fatal), alike in kinds.items():
            others = f" ({len(alike)} of this kind.)" if len(alike) > 1 else ""
            logger.log(logging.ERROR if fatal else logging.WARNING, "%s: %s%s", self.name, alike[0], others)

    def _raise_first_fatal(self) -> None:
        fatal = [problem for problem in self.problems if problem.fatal]
        if fatal:
            raise DataError(fatal[0])


def safe_id(stem: str) -> str:
    """A film's id from the name of its file, safe as a file name on every system."""
    return re.sub(r"[^\w.-]+", "_", stem)


def check_folder(path: Path, purpose: str) -> Path:
    """Make sure that a folder is there.

    Raises:
        DataError: If it is not.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing at this path"
        raise DataError(Problem(path, f"to be {purpose}", found, "Set `dataset.root=<folder>`."))
    return path


def stamp(path: Path) -> str:
    """Name, size and time of a file: what changes when its content does."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(Problem(path, "to be a file", str(error.strerror), "Complete the data set.")) from error
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def _log(problem: Problem) -> None:
    logger.warning("%s", problem)


def _check_unique(sources: Sequence[FilmSource]) -> None:
    seen: dict[str, FilmSource] = {}
    for source in sources:
        other = seen.setdefault(source.film_id, source)
        if other is not source:
            found = f"{source.film_id!r} twice, also `{other.image}`"
            raise DataError(Problem(source.image, "to have a film id of its own", found, "Rename or remove one of the two."))
