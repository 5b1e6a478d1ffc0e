"""A data set of files in a folder: its films, whose they are, and how they are divided."""

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from spinefm.data.dataset import Films, Inspection, RadiographDataset, digest
from spinefm.data.film_source import FilmSource, stamp
from spinefm.data.oddities import oddities
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.annotation import Annotation, from_head_to_foot
from spinefm.data.reading.film_files import read_film
from spinefm.data.reading.polarity import is_inverted
from spinefm.data.splits.division import divided_patients, patient_division, published_division
from spinefm.data.splits.grouping import FRACTIONS, check_split
from spinefm.data.splits.lists import find_lists
from spinefm.structures import Radiograph, Split, View

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
    readers: Sequence[str]


class FolderDataset(RadiographDataset):
    """A data set of files in a folder; a subclass finds the films and reads their annotations.

    Attributes:
        sources: Every film that was found, in a fixed order.
        problems: What was noticed while the films were looked for and divided.
        patients_may_share: Whether published splits that divide a patient are taken as they are, with a warning.
    """

    divided_by = "`{split}.txt` or `dataset.fractions`"
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
        readers: Sequence[str] = (),
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
            readers: See `RadiographDataset`.

        Raises:
            DataError: If there is no film, or two have one id.
            ValueError: If the fractions are not shares of 1.
        """
        self.landmarks, self.terminals, self.readers = tuple(landmarks), tuple(terminals), tuple(map(str, readers))
        self.cache_dir = Path(cache_dir).expanduser() if cache_dir else None
        # Digits alone arrive as a number from a command line, here and in `readers`.
        excluded = {str(film_id) for film_id in exclude}
        self.sources, problems = tuple(source for source in sources if source.film_id not in excluded), list(problems)
        noticed = [problem for problem in problems if problem.film_id not in excluded]
        noticed += [*_unknown_ids(root, excluded, sources, problems), *_unknown_readers(root, self.readers, sources)]
        if not self.sources:
            _raise_first_fatal(noticed)
            raise DataError(Problem(root, f"to hold annotated films of `dataset={self.name}`", "none", "Set `dataset.root=<folder>`."))
        _check_unique(self.sources)
        published = published_division(root, self.sources, find_lists(root, splits), excluded, noticed.append)
        self._division = patient_division(root, self.sources, fractions, seed, noticed.append) if published is None else published
        noticed += divided_patients(self.sources, self._division, fatal=not self.patients_may_share)
        self.problems = tuple(noticed)
        self._log_problems()

    @abstractmethod
    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """Read the annotation of one film.

        Args:
            source: One of `sources`.
            size: (H, W) of the film.
            report: Takes what was mended on the way.

        Raises:
            DataError: If it cannot be used.
        """

    def settings(self) -> tuple[object, ...]:
        """The subclass's arguments on which the content of a film depends."""
        return ()

    @property
    def views(self) -> tuple[View, ...]:
        """See `RadiographDataset.views`."""
        return tuple(sorted({source.view for source in self.sources}))

    def views_of(self, split: Split) -> tuple[View, ...]:
        """See `RadiographDataset.views_of`."""
        return tuple(sorted({source.view for source in self._members(split)}))

    def split(self, split: Split) -> Films[FilmSource]:
        """The films of one split, read when indexed, in the order in which they were found.

        Raises:
            DataError: If something fatal was noticed while the films were looked for.
            ValueError: If there is no such split.
        """
        _raise_first_fatal(self.problems)
        return Films(self._members(check_split(split)), self._load_and_log, self.key)

    def load(self, source: FilmSource, report: Report) -> Radiograph:
        """Read one film with its annotation, put its vertebrae in order and turn it over if its bone is dark.

        Args:
            source: One of `sources`.
            report: Takes what was mended on the way.

        Raises:
            DataError: If the film or its annotation cannot be used.
        """
        film = read_film(source.image)
        annotation = self.annotation(source, film.size, report)
        vertebrae = from_head_to_foot(annotation, film.size, (*source.annotations, source.image)[0])
        dark = is_inverted(film.pixels, vertebrae)
        if dark:
            report(Problem(source.image, "to show bone bright", "dark bone", "It was turned over.", fatal=False))
        pixels, spacing_mm = 255 - film.pixels if dark else film.pixels, source.spacing_mm or film.spacing_mm
        return Radiograph(
            source.film_id,
            pixels,
            vertebrae,
            source.view,
            source.patient_id,
            spacing_mm,
            tuple(annotation.landmarks),
            cobb_angles=source.cobb_angles,
            reader=source.reader,
        )

    def _load_and_log(self, source: FilmSource) -> Radiograph:
        inspection = self._inspect(source)
        if inspection.film is None:
            raise DataError(inspection.problems[-1])
        for problem in inspection.problems:
            logger.warning("%s", problem)
        return replace(inspection.film, remarks=tuple(map(str, inspection.problems)))

    def __len__(self) -> int:
        """See `RadiographDataset`."""
        return len(self.sources)

    def inspect(self) -> Iterator[Inspection]:
        """See `RadiographDataset.inspect`; also what is in no split, and `oddities`."""
        for source in self.sources:
            inspection = self._inspect(source)
            odd = oddities(inspection.film, source.image) if inspection.film else ()
            yield replace(inspection, problems=(*inspection.problems, *odd))

    def _inspect(self, source: FilmSource) -> Inspection:
        film, problems = None, list[Problem]()
        try:
            film = self.load(source, problems.append)
        except DataError as error:
            problems.append(error.problem)
        named = tuple(replace(problem, film_id=source.film_id) for problem in problems)
        return Inspection(source.film_id, self.split_of(source), film, named)

    def split_of(self, source: FilmSource) -> Split | None:
        """The split of a film; None if the published lists leave it out."""
        return self._division.get(source.film_id)

    def key(self, source: FilmSource) -> str:
        """Digest of everything that a film's content depends on: names, sizes and times of its files, and settings."""
        files = [stamp(path) for path in (source.image, *source.annotations)]
        names = (type(self).__qualname__, source.film_id, source.patient_id, source.view.value, str(source.spacing_mm))
        known = [str(fact) for fact in (source.cobb_angles, source.reader) if fact is not None]
        return digest(*names, *map(repr, self.settings()), source.row, *known, *files)

    @property
    def fingerprint(self) -> str:
        """Digest of the films' keys and their splits."""
        return digest(*(f"{self.split_of(source)} {self.key(source)}" for source in self.sources))

    @property
    def training_films(self) -> str:
        """See `RadiographDataset.training_films`; the same wherever the films lie, and when their annotations were corrected."""
        members = ((split, source) for split in ("train", "val") for source in self._members(split))
        return digest(self.name, *(f"{split} {source.film_id} {source.image.stat().st_size}" for split, source in members))

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


def _unknown_ids(root: Path, excluded: set[str], sources: Sequence[FilmSource], problems: Sequence[Problem]) -> Iterator[Problem]:
    """A note of each excluded id that names nothing, lest a misspelt one leaves its film in unnoticed."""
    known = {source.film_id for source in sources} | {problem.film_id for problem in problems}
    for film_id in sorted(excluded - known):
        yield Problem(root, "to hold the films of `dataset.exclude`", f"no {film_id!r}", "Correct the film's id.", fatal=False)


def _unknown_readers(root: Path, readers: Iterable[str], sources: Sequence[FilmSource]) -> Iterator[Problem]:
    """A note of each reader who annotated nothing, lest a misspelt one is waited for in vain."""
    for reader in sorted(set(readers) - {source.reader for source in sources}):
        yield Problem(root, "to hold films of all `dataset.readers`", f"none of {reader!r}", "Correct the reader's name.", fatal=False)


def _raise_first_fatal(problems: Iterable[Problem]) -> None:
    for problem in problems:
        if problem.fatal:
            raise DataError(problem)


def _check_unique(sources: Sequence[FilmSource]) -> None:
    seen: dict[str, FilmSource] = {}
    for source in sources:
        other = seen.setdefault(source.film_id, source)
        if other is not source:
            found = f"{source.film_id!r} twice, also `{other.image}`"
            raise DataError(Problem(source.image, "to have a film id of its own", found, "Rename or remove one of the two."))
