"""Film by film from (radiograph, spine) pairs to files a person and a program can read."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from spinefm.drawing.overlay import bare, overlay, write_picture
from spinefm.evaluation.matching import OURS, Protocol
from spinefm.evaluation.metrics import compute_metrics
from spinefm.evaluation.records import FilmRecord, record_film
from spinefm.evaluation.report import render_report
from spinefm.evaluation.tables import angle_rows, vertebra_table
from spinefm.files.atomic import atomic_path, write_json, write_text
from spinefm.running.jobs import CONFIG, RECORD
from spinefm.structures import Radiograph, Spine

FILES = ("results.json", "vertebrae.csv", "angles.csv", "report.html")
LOGS = ("metrics.csv", "hparams.yaml", "events.out.*")
"""What loggers write beside them; W&B's has a folder of its own."""
OVERLAYS, BARE = "overlays", "films"
"""Folder of the pictures beside them, and the one within it for films without drawing."""


class Evaluator:
    """Collects the outcome of every film; keeps rows, never pixels, so that memory does not grow with the films.

    Args:
        overlays: Folder into which `update` draws `<film_id>.jpg`, and `films/<film_id>.jpg` without drawing, by custom `overlays` in the
            folder given to `write`; None draws nothing, and the report then has no pictures.
        protocol: What counts as found.
    """

    def __init__(self, overlays: str | Path | None = None, protocol: Protocol = OURS) -> None:
        self._overlays = None if overlays is None else Path(overlays)
        self._protocol = protocol
        self._films: dict[str, FilmRecord] = {}

    @property
    def films(self) -> tuple[FilmRecord, ...]:
        """The films so far, sorted by id, so that nothing depends on the order in which they came."""
        return tuple(self._films[film_id] for film_id in sorted(self._films))

    def update(self, radiograph: Radiograph, spine: Spine) -> FilmRecord:
        """Take one film with what was found on it.

        Raises:
            ValueError: If the film is not annotated or came before, or `spine` is of another film or size.
        """
        record = record_film(radiograph, spine, self._protocol)
        self.merge([record])
        if self._overlays is not None:
            picture = overlay(radiograph.pixels, spine.vertebrae, radiograph.vertebrae)
            # The drawn one last: it alone could not be told from somebody's own, and `remove_results` would leave it.
            write_picture(self._overlays / BARE / f"{radiograph.film_id}.jpg", bare(radiograph.pixels))
            write_picture(self._overlays / f"{radiograph.film_id}.jpg", picture)
        return record

    def merge(self, films: Iterable[FilmRecord]) -> None:
        """Take films that were recorded elsewhere, such as in another process.

        Raises:
            ValueError: If one of them came before.
        """
        for film in films:
            if film.film_id in self._films:
                raise ValueError(f"Expected each film once, but `{film.film_id}` came twice. Make the film ids of the data set unique.")
            self._films[film.film_id] = film

    def compute(self) -> dict[str, Any]:
        """See `compute_metrics`."""
        return compute_metrics(self.films)

    def write(self, folder: str | Path, context: Mapping[str, Any], unreadable: Sequence[str] = ()) -> dict[str, Any]:
        """Write `results.json`, `vertebrae.csv`, `report.html` and, where Cobb angles are known, `angles.csv`, each whole or not at all.

        Args:
            folder: Made if absent.
            context: Where the numbers come from (config, versions, commit, time ...); goes into the report only, so that
                `results.json` is the same, byte for byte, for the same films and spines.
            unreadable: Why films could not be used, one sentence each; they count in no metric.

        Returns:
            The metrics, as in `results.json`.

        Raises:
            ValueError: If no film was evaluated.
        """
        if not self._films:
            raise ValueError("Expected at least one evaluated film, but got none. Check the data set's path and split.")
        results = {**self.compute(), "num_unreadable": len(unreadable), "protocol": asdict(self._protocol)}
        write_json(Path(folder) / "results.json", results)
        _write_csv(Path(folder) / "vertebrae.csv", vertebra_table(self.films))
        if "num_cobb_images" in results:
            _write_csv(Path(folder) / "angles.csv", angle_rows(self.films))
        write_text(Path(folder) / "report.html", self._report(results, context, unreadable))
        return results

    def _report(self, results: Mapping[str, Any], context: Mapping[str, Any], unreadable: Sequence[str]) -> str:
        return render_report(results, self.films, context, self._overlays, self._protocol.min_dice, unreadable)


def results_in(folder: Path) -> list[Path]:
    """Files that an earlier evaluation wrote into a folder; of its pictures those that it alone can have made, a film's pair of two.

    Of one that was interrupted a bare film may stay, which may as well be somebody's own; of W&B all, which may not be sent yet.
    """
    logs = () if (folder / CONFIG).is_file() else LOGS  # beside a training's config lie its own
    files = [path for name in (RECORD, *FILES, *logs) for path in folder.glob(name)]
    overlays = folder / OVERLAYS
    pairs = [(overlays / bare_film.name, bare_film) for bare_film in (overlays / BARE).glob("*.jpg")]
    return files + [path for pair in pairs if pair[0].is_file() for path in pair]


def remove_results(folder: Path, files: Iterable[Path]) -> None:
    """Remove what `results_in` a folder was found, and folders of pictures that are empty then."""
    for path in files:
        path.unlink(missing_ok=True)
    for pictures in (folder / OVERLAYS / BARE, folder / OVERLAYS):
        with suppress(OSError):  # it is not empty, or not there
            pictures.rmdir()


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
