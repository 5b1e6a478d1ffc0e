"""What a run of `infer.py` leaves in a folder: files of each film, two tables of all, and what made them."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from spinefm.data.dataset import digest
from spinefm.data.film_source import stamp
from spinefm.export.doubts import DoubtRule
from spinefm.export.films import read_content, remove_spine, write_spine
from spinefm.export.tables import MEASUREMENTS, SUMMARY, FilmRows, write_tables
from spinefm.files.atomic import DiskFullError, write_text
from spinefm.structures import Radiograph, Spine

log = logging.getLogger(__name__)

RECORD = "run.yaml"
"""What made the results of a folder."""

MAKERS = ("git_commit", "config_hash", "versions", "components")
"""Keys of a run's record that decide what a result is."""


class Results:
    """What is known of the films of a run, and written of them into its folder.

    Args:
        folder: Of the run.
        films: The id of each film by its file, in the order in which tables have them.
        rule: By which results are doubtful.
        record: Of the run; see `run_record`.
        keep_finished: Whether results that lie in the folder are kept, where just these would be made again.

    Attributes:
        run_id: Of the run.
        rows: What tables say of a film that was read, by id.
        failures: Why a film could not be used, or its results not be written, by id.
    """

    def __init__(
        self, folder: Path, films: Mapping[Path, str], rule: DoubtRule, record: Mapping[str, Any], keep_finished: bool = False
    ) -> None:
        self.folder, self.films, self.rule, self.keep_finished = folder, films, rule, keep_finished
        self.record, self.run_id = record, str(record["run_id"])
        self.rows, self.failures = dict[str, FilmRows](), dict[str, str]()
        self._makers = json.dumps({key: record[key] for key in MAKERS}, sort_keys=True)
        self._origins = dict[str, str]()

    def begin(self) -> None:
        """Write down what makes the results from now on; an earlier run's tables go, else one that ends halfway would seem to have them."""
        if self.keep_finished:
            self._take(lambda path, content: content.get("origin") == self._origin(path))
            log.info("%d of %d films are done already, and kept.", len(self.rows), len(self.films))
        write_text(self.folder / RECORD, yaml.safe_dump(dict(self.record), sort_keys=False, allow_unicode=True))
        for name in (SUMMARY, MEASUREMENTS):
            (self.folder / name).unlink(missing_ok=True)

    def agree(self, of_all: Callable[[Sequence[Any]], list[Any]]) -> None:
        """Know what the first process does, which has begun; see `Team.gather`."""
        self.run_id, self.rows = of_all([(self.run_id, self.rows)])[0]

    @property
    def to_do(self) -> list[tuple[Path, str]]:
        """Files and ids of the films of which nothing is known yet."""
        return [(path, film_id) for path, film_id in self.films.items() if film_id not in self.rows]

    def open(self, path: Path, film_id: str) -> None:
        """A film is about to be read: its results will be of the file as it is now."""
        self._origins[film_id] = self._origin(path)

    def write(self, found: tuple[Radiograph, Spine]) -> None:
        """Write what was found on a film that was opened.

        Raises:
            DiskFullError: If there is no room for the other films either.
        """
        radiograph, spine = found
        told = {"doubts": self.rule.doubts(spine), "run_id": self.run_id, "origin": self._origins.pop(spine.film_id)}
        try:
            self.rows[spine.film_id] = FilmRows.of(write_spine(self.folder, radiograph, spine, told))
        except DiskFullError:
            raise
        except OSError as error:
            fault = f"Expected to write its results into `{self.folder}`, but could not ({error})"
            self.failures[spine.film_id] = f"{fault}. Mend that, and run it again."

    def fail(self, film_id: str, reason: str) -> None:
        """A film cannot be used; its earlier results go, else it would seem to have them now."""
        self.failures[film_id] = reason
        remove_spine(self.folder, film_id)

    def gather(self, of_all: Callable[[Sequence[Any]], list[Any]]) -> None:
        """Know what all processes do; see `Team.gather`."""
        self.rows = dict(of_all(list(self.rows.items())))
        self.failures = dict(of_all(list(self.failures.items())))

    def take_written(self) -> None:
        """Know what this run has written by now, whichever process did."""
        self._take(lambda path, content: content.get("run_id") == self.run_id)

    def write_tables(self) -> None:
        """Of the films of which something is known by now."""
        write_tables(self.folder, list(self.films.values()), list(self.rows.values()), self.failures)

    @property
    def reasons(self) -> dict[str, str]:
        """Why films failed, by id, in the order of the films: those that could not be used, and those on which nothing was found."""
        known = {film_id: rows.failure for film_id, rows in self.rows.items()} | self.failures
        lost = "Expected a result of it, but no process has one. Run it again with `keep_finished=true`."
        whys = {film_id: known.get(film_id, lost) for film_id in self.films.values()}
        return {film_id: why for film_id, why in whys.items() if why}

    @property
    def doubtful(self) -> list[str]:
        """Ids of films whose results are to be looked at first."""
        return [film_id for film_id in self.films.values() if film_id in self.rows and self.rows[film_id].summary["doubts"]]

    def _take(self, belongs: Callable[[Path, Mapping[str, Any]], bool]) -> None:
        contents = ((path, film_id, read_content(self.folder, film_id)) for path, film_id in self.to_do)
        self.rows |= {film_id: FilmRows.of(content) for path, film_id, content in contents if content and belongs(path, content)}

    def _origin(self, path: Path) -> str:
        """SHA-256 of a film's file, by its place, size and time, and of what makes results of it."""
        return digest(stamp(path), self._makers)
