"""How much of everything a data set has, by split."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from spinefm.anatomy import LEVELS
from spinefm.data.dataset import Inspection
from spinefm.structures import SPLITS, Radiograph

UNUSED, ALL = "in no split", "all"


class Summary:
    """Counts films and what is on them."""

    def __init__(self) -> None:
        self._films: dict[str, int] = Counter()
        self._unusable: dict[str, int] = Counter()
        self._patients: dict[str, set[str]] = defaultdict(set)
        self._views: dict[str, Counter[str]] = defaultdict(Counter)
        self._readers: dict[str, Counter[str]] = defaultdict(Counter)
        self._levels: dict[str, Counter[str]] = defaultdict(Counter)
        self._points: dict[str, Counter[str]] = defaultdict(Counter)
        self._sides: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._spacings: dict[str, list[float]] = defaultdict(list)

    def add(self, inspection: Inspection) -> None:
        """Count one film."""
        for column in (inspection.split or UNUSED, ALL):
            self._films[column] += 1
            if inspection.film is None:
                self._unusable[column] += 1
            else:
                self._add_film(column, inspection.film)

    def _add_film(self, column: str, film: Radiograph) -> None:
        self._patients[column].add(film.patient_id)
        self._views[film.view.value][column] += 1
        if film.reader is not None:
            self._readers[film.reader][column] += 1
        self._sides[column].append(film.size)
        for vertebra in film.vertebrae:
            self._levels[vertebra.level or "unknown level"][column] += 1
        for level in {mark.level for mark in film.landmarks}:
            self._points[level][column] += 1
        if film.spacing_mm is not None:
            self._spacings[column].append(film.spacing_mm)

    @property
    def columns(self) -> tuple[str, ...]:
        """Splits that have films, then all."""
        return tuple(column for column in (*SPLITS, UNUSED, ALL) if self._films.get(column))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A heading and a text per column, for each thing that was counted."""
        yield self._row("films", self._films)
        yield self._row("unusable", self._unusable)
        yield self._row("patients", {column: len(patients) for column, patients in self._patients.items()})
        for view, counts in sorted(self._views.items()):
            yield self._row(view, counts)
        for reader, counts in sorted(self._readers.items()):
            yield self._row(f"read by {reader}", counts)
        yield ("width, pixels", *(_range([width for _, width in self._sides[column]], "d") for column in self.columns))
        yield ("height, pixels", *(_range([height for height, _ in self._sides[column]], "d") for column in self.columns))
        yield ("spacing, mm", *(_range(self._spacings[column], ".3f") for column in self.columns))
        yield self._row("spacing known", {column: len(values) for column, values in self._spacings.items()})
        for level in (*LEVELS, "unknown level"):
            if level in self._levels:
                yield self._row(level, self._levels[level])
            if level in self._points:
                yield self._row(f"{level}, points only", self._points[level])

    def _row(self, heading: str, counts: dict[str, int]) -> tuple[str, ...]:
        return heading, *(str(counts.get(column, 0)) for column in self.columns)


def _range(values: list[int] | list[float], form: str) -> str:
    if not values:
        return "–"
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low}–{high}"
