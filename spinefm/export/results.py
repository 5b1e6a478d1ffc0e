"""What a run of `infer.py` leaves in a folder: files of each film, two tables of all, and what made them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from spinefm.export.doubts import DoubtRule
from spinefm.export.films import remove_spine, write_spine
from spinefm.export.finished import RECORD, earlier_run, finished_films
from spinefm.export.tables import MEASUREMENTS, SUMMARY, FilmRows, write_tables
from spinefm.files.atomic import DiskFullError, write_text
from spinefm.structures import Radiograph, Spine

log = logging.getLogger(__name__)


class Results:
    """What is known of the films of a run, and written of them into its folder.

    Args:
        folder: Of the run.
        films: The id of each film by its file, in the order in which tables have them.
        rule: By which results are doubtful.

    Attributes:
        run_id: Of the run, once it has begun.
        rows: What tables say of a film that was read, by id.
        failures: Why a film could not be used, or its results not be written, by id.
    """

    def __init__(self, folder: Path, films: Mapping[Path, str], rule: DoubtRule) -> None:
        self.folder, self.films, self.rule, self.run_id = folder, films, rule, ""
        self.rows, self.failures = dict[str, FilmRows](), dict[str, str]()

    def go_on(self, made_by: dict[str, Any], apart: Iterable[str]) -> None:
        """Keep what an earlier run in the folder was done with, if there was one: this run then has its id.

        Args:
            made_by: Record of this run, see `run_record`; gets that id.
            apart: Options that change no result.

        Raises:
            ValueError: See `earlier_run`.
        """
        if (run_id := earlier_run(self.folder, made_by, apart)) is None:
            return
        made_by["run_id"] = run_id
        done = finished_films(self.folder, self.films, run_id)
        self.rows = {film_id: FilmRows.of(content) for film_id, content in done.items()}
        log.info("%d of %d films are done already, and kept.", len(done), len(self.films))

    def begin(self, made_by: Mapping[str, Any]) -> None:
        """Write down what makes the results from now on; an earlier run's tables go, else one that ends halfway would seem to have them."""
        write_text(self.folder / RECORD, yaml.safe_dump(dict(made_by), sort_keys=False, allow_unicode=True))
        for name in (SUMMARY, MEASUREMENTS):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def to_do(self) -> list[tuple[Path, str]]:
        """Files and ids of the films of which nothing is known yet."""
        return [(path, film_id) for path, film_id in self.films.items() if film_id not in self.rows]

    def write(self, found: tuple[Radiograph, Spine]) -> None:
        """Write what was found on a film.

        Raises:
            DiskFullError: If there is no room for the other films either.
        """
        radiograph, spine = found
        try:
            content = write_spine(self.folder, radiograph, spine, self.run_id, self.rule.doubts(spine))
        except DiskFullError:
            raise
        except OSError as error:
            fault = f"Expected to write its results into `{self.folder}`, but could not ({error})"
            self.failures[spine.film_id] = f"{fault}. Mend that, and run it again."
        else:
            self.rows[spine.film_id] = FilmRows.of(content)

    def fail(self, film_id: str, reason: str) -> None:
        """A film cannot be used; its earlier results go, else it would seem to have them now."""
        self.failures[film_id] = reason
        remove_spine(self.folder, film_id)

    def gather(self, of_all: Callable[[Sequence[Any]], list[Any]]) -> None:
        """Take in what other processes know; see `Team.gather`."""
        self.rows = dict(of_all(list(self.rows.items())))
        self.failures = dict(of_all(list(self.failures.items())))

    def write_tables(self) -> None:
        """Of the films of which something is known by now."""
        write_tables(self.folder, list(self.films.values()), self.rows.values(), self.failures)

    @property
    def reasons(self) -> dict[str, str]:
        """Why films failed, by id, in the order of the films: those that could not be used, and those on which nothing was found."""
        nothing = {film_id: rows.failure for film_id, rows in self.rows.items() if rows.failure}
        known = nothing | self.failures
        return {film_id: known[film_id] for film_id in self.films.values() if film_id in known}

    @property
    def doubtful(self) -> list[str]:
        """Ids of films whose results are to be looked at first."""
        return [film_id for film_id in self.films.values() if film_id in self.rows and self.rows[film_id].summary["doubts"]]
