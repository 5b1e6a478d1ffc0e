"""A data set of files in a folder: its films, whose they are, and how they are divided."""

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypedDict

from spinefm.data.annotation import from_head_to_foot
from spinefm.data.dataset import Films, Inspection, RadiographDataset, digest
from spinefm.data.division import divided_patients, patient_division, published_division
from spinefm.data.film_source import FilmSource, stamp
from spinefm.data.polarity import is_inverted
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.split_lists import find_lists
from spinefm.data.splits import FRACTIONS, check_split
from spinefm.structures import Radiograph, Split

logger = logging.getLogger(__name__)


class DatasetOptions(TypedDict, total=False):
    """Arguments that every `FolderDataset` takes; see there."""

    landmarks: Sequence[str]
    terminals: Sequence[str]
    splits: str | None
    exclude: Sequence[str]
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
        exclude: Sequence[str] = (),
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
            exclude: Ids of films that are left out, as if they were not there.
            seed: Where nothing is published, another seed splits the patients in another way.
            fractions: Where nothing is published, the share of the films in each split.
            cache_dir: See `RadiographDataset`.

        Raises:
            DataError: If there is no film, or two have one id.
            ValueError: If the fractions are not shares of 1.
        """
        self.landmarks, self.terminals = tuple(landmarks), tuple(terminals)
        self.cache_dir = Path(cache_dir).expanduser() if cache_dir else None
        self.sources, noticed = tuple(source for source in sources if source.film_id not in exclude), list(problems)
        if unknown := set(exclude) - {source.film_id for source in sources}:
            noticed.append(Problem(root, "to hold the films of `dataset.exclude`", f"no {sorted(unknown)[0]!r}", "Correct the film's id."))
        self.problems = tuple(noticed)
        if not self.sources:
            self._raise_first_fatal()
            raise DataError(Problem(root, f"to hold annotated films of `dataset={self.name}`", "none", "Set `dataset.root=<folder>`."))
        _check_unique(self.sources)
        published = published_division(root, self.sources, find_lists(root, splits), exclude, noticed.append)
        self._division = patient_division(self.sources, fractions, seed) if published is None else published
        noticed += divided_patients(self.sources, self._division, fatal=not self.patients_may_share)
        self.problems = tuple(noticed)
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
        film, annotation = self.read(source, report), (*source.annotations, source.image)[0]
        if not film.vertebrae:
            raise DataError(Problem(annotation, "to have an annotated vertebra", "none", "Annotate one, or leave the film out."))
        film = replace(film, vertebrae=from_head_to_foot(film.vertebrae, annotation))
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
        return self._division.get(source.film_id)

    def key(self, source: FilmSource) -> str:
        """Digest of everything that a film's content depends on: names, sizes and times of its files, and settings."""
        files = [stamp(path) for path in (source.image, *source.annotations)]
        names = (type(self).__qualname__, source.film_id, source.patient_id, source.view.value)
        return digest(*names, *map(repr, self.settings()), source.row, *files)

    @property
    def fingerprint(self) -> str:
        """Digest of the films' keys and their splits."""
        return digest(*(f"{self.split_of(source)} {self.key(source)}" for source in self.sources))

    def _members(self, split: Split) -> list[FilmSource]:
        return [source for source in self.sources if self.split_of(source) == split]

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


def check_folder(path: Path, purpose: str) -> Path:
    """Make sure that a folder is there.

    Raises:
        DataError: If it is not.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing at this path"
        raise DataError(Problem(path, f"to be {purpose}", found, "Set `dataset.root=<folder>`."))
    return path


def _log(problem: Problem) -> None:
    logger.warning("%s", problem)


def _check_unique(sources: Sequence[FilmSource]) -> None:
    seen: dict[str, FilmSource] = {}
    for source in sources:
        other = seen.setdefault(source.film_id, source)
        if other is not source:
            found = f"{source.film_id!r} twice, also `{other.image}`"
            raise DataError(Problem(source.image, "to have a film id of its own", found, "Rename or remove one of the two."))
