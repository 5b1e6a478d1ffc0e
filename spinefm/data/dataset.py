"""What a data set of films has to offer."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from spinefm.data.problems import Problem
from spinefm.structures import SPLITS, Radiograph, Split, View

SourceT = TypeVar("SourceT")


class Films(Sequence[Radiograph], Generic[SourceT]):
    """Films that are read when they are indexed.

    Args:
        sources: What each film is read from.
        read: Reads one.
        key: Digest of everything that a film depends on, by which it can be kept.
    """

    def __init__(self, sources: Sequence[SourceT], read: Callable[[SourceT], Radiograph], key: Callable[[SourceT], str]) -> None:
        self._sources, self._read, self._key = sources, read, key

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> Radiograph: ...
    @overload
    def __getitem__(self, index: slice) -> "Films[SourceT]": ...
    def __getitem__(self, index: int | slice) -> "Radiograph | Films[SourceT]":
        """One film or several; IndexError beyond the end."""
        if isinstance(index, slice):
            return Films(self._sources[index], self._read, self._key)
        return self._read(self._sources[index])

    def key(self, index: int) -> str:
        """Digest of everything that film `index` depends on."""
        return self._key(self._sources[index])


@dataclass(frozen=True, eq=False)
class Inspection:
    """One film, as it was read.

    Attributes:
        film_id: See `Radiograph`.
        split: None if the published splits leave it out.
        film: None if it cannot be used.
        problems: What was mended, or why it cannot be used.
    """

    film_id: str
    split: Split | None
    film: Radiograph | None
    problems: tuple[Problem, ...] = ()


class RadiographDataset(ABC):
    """A data set of annotated films: one file that yields Radiographs, plus one YAML.

    Attributes:
        name: As in `dataset=<name>`.
        landmarks: Levels that the patch classifier tells apart from an ordinary vertebra.
        terminals: Those landmarks at which a walk along the spine ends, because nothing beyond them is annotated.
        divided_by: By which options and files a split gets films, `{split}` being its name; empty where there is none to name.
        readers: Those whose outlines a segmenter tells apart.
        cache_dir: Folder in which films that were read are kept; None keeps none.
        problems: What was noticed while the films were looked for.
    """

    name: str
    landmarks: tuple[str, ...]
    terminals: tuple[str, ...]
    divided_by: str = ""
    readers: tuple[str, ...] = ()
    cache_dir: Path | None = None
    problems: tuple[Problem, ...] = ()

    @abstractmethod
    def split(self, split: Split) -> Films[Any]:
        """The films of one split, read when indexed, in a fixed order."""

    def some_of(self, split: Split) -> Films[Any]:
        """The same of a split that is needed.

        Raises:
            ValueError: If it has no films.
        """
        films = self.split(split)
        if not len(films):
            ways = f", by {self.divided_by.format(split=split)}" if self.divided_by else ""
            found = f"it has none of {len(self)}"
            raise ValueError(f"Expected films in the {split} split of `dataset={self.name}`, but {found}. Give it some{ways}.")
        return films

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hexadecimal digest that changes when the films, annotations or splits do; also when files of films are moved or written anew."""

    @property
    def training_films(self) -> str:
        """Hexadecimal digest that changes when other films train or validate: what a run that goes on has to share with its beginning."""
        return self.fingerprint

    def __len__(self) -> int:
        """Number of films, in every split and in none."""
        return sum(len(self.split(split)) for split in SPLITS)

    @property
    def views(self) -> tuple[View, ...]:
        """Of its films, as far as that is known without reading them."""
        return (View.UNKNOWN,)

    def views_of(self, split: Split) -> tuple[View, ...]:
        """The same of the films of one split, or, where these cannot be told apart, of all."""
        return self.views

    def inspect(self) -> Iterator[Inspection]:
        """Read every film, with whatever is wrong with it."""
        for split in SPLITS:
            yield from (Inspection(film.film_id, split, film) for film in self.split(split))


def digest(*parts: str) -> str:
    """SHA-256 of texts, hexadecimal."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
