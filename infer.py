"""Segment and name the vertebrae of a film or a folder of films: `python infer.py input=<folder> checkpoints=<folder>`."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track

from spinefm.composition import load_pipeline, placement
from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import find_films, read_film
from spinefm.distributed import Team, check_one_folder
from spinefm.export import curve_rows, write_measurements, write_spine
from spinefm.failures import run_script
from spinefm.jobs import is_for_several, one_job, run_apart
from spinefm.overlapping import read_ahead, work_behind
from spinefm.pipeline import SpinePipeline, film_spines
from spinefm.structures import Radiograph, Spine, View


@hydra.main(version_base=None, config_path="conf", config_name="infer")
@one_job
def main(config: DictConfig) -> None:
    """Write labels, JSON and overlay of every film; a film that fails does not stop the others."""
    if is_for_several(config):
        run_apart(__file__)
        return
    folder, fabric = Path(HydraConfig.get().runtime.output_dir), instantiate(config.trainer)
    measure = measuring(config.view, config.tilt_smoothing)
    ids, failures, rows = film_ids(find_films(Path(config.input))), dict[str, str](), list[dict[str, Any]]()
    where = placement(fabric, config.trainer.precision, config.compile, config.channels_last)
    pipeline = load_pipeline(instantiate(config.pipeline), config.checkpoints, where)
    with Team(fabric) as team:
        check_one_folder(folder)
        share = dict(team.share(list(ids.items())))
        team.together(partial(segment, pipeline, share, folder, measure, failures, rows, quiet=not team.is_first))
        failures, rows = dict(team.gather(list(failures.items()))), team.gather(rows)
    if team.is_first:
        write_measurements(folder, sorted_rows(rows, failures, list(ids.values())))
        report(folder, list(ids.values()), failures)


class Measuring(NamedTuple):
    """How films are measured.

    Attributes:
        view: Of all films; None takes what each film's file says.
        tilt_smoothing: See `spinefm.measurements.tilts.smooth_tilts`.
    """

    view: View | None
    tilt_smoothing: float


def measuring(view: str | None, tilt_smoothing: float) -> Measuring:
    """What the config says of it.

    Raises:
        ValueError: If there is no such view, or the smoothing is negative.
    """
    if view not in (None, *View):
        raise ValueError(f"Expected `view` to be null or one of {', '.join(View)}, but got `{view}`.")
    if tilt_smoothing < 0:
        raise ValueError(f"Expected `tilt_smoothing` to be at least 0 vertebrae, but got {tilt_smoothing}.")
    return Measuring(None if view is None else View(view), tilt_smoothing)


def segment(
    pipeline: SpinePipeline,
    ids: dict[Path, str],
    folder: Path,
    measure: Measuring,
    failures: dict[str, str],
    rows: list[dict[str, Any]],
    quiet: bool = False,
) -> None:
    """Write what is found on every film; why some fail goes into `failures`, and what is measured into `rows`."""
    films = read_ahead(readable(ids, measure.view, failures))
    written = work_behind(partial(write, folder, measure.tilt_smoothing), film_spines(pipeline, films))
    for spine, its in track(written, "Films", total=len(ids), disable=quiet):
        rows += its
        if spine.failure is not None:
            failures[spine.film_id] = spine.failure


def sorted_rows(rows: list[dict[str, Any]], failures: dict[str, str], films: list[str]) -> list[dict[str, Any]]:
    """Rows of all films in the order in which these were found, and one for each film that could not be read."""
    measured = {row["film_id"] for row in rows}
    unread = [{"film_id": film_id, "remark": reason} for film_id, reason in failures.items() if film_id not in measured]
    place = {film_id: index for index, film_id in enumerate(films)}
    return sorted([*rows, *unread], key=lambda row: place[row["film_id"]])


def report(folder: Path, films: list[str], failures: dict[str, str]) -> None:
    """Print the outcome; films that failed are named in the order in which they were found, and fail the run."""
    Console().print(f"{len(films) - len(failures)} of {len(films)} films: {folder}")
    if failures:
        reasons = "\n".join(f"  {film_id}: {failures[film_id]}" for film_id in films if film_id in failures)
        raise ValueError(f"{len(failures)} of {len(films)} films failed; look at them by hand:\n{reasons}")


def write(folder: Path, tilt_smoothing: float, found: tuple[Radiograph, Spine]) -> tuple[Spine, list[dict[str, Any]]]:
    """Write what was found on a film; the spine, and its rows of `measurements.csv`."""
    film, spine = found
    return spine, curve_rows(film, spine, write_spine(folder, film, spine, tilt_smoothing))


def film_ids(paths: list[Path]) -> dict[Path, str]:
    """An id per film: its file's name without the suffix, or with it where two names differ in nothing else."""
    stems = Counter(path.stem for path in paths)
    return {path: path.stem if stems[path.stem] == 1 else path.name for path in paths}


def readable(ids: dict[Path, str], view: View | None, failures: dict[str, str]) -> Iterator[Radiograph]:
    """The films that can be read; the reason goes into `failures` for the others."""
    for path, film_id in ids.items():
        try:
            film = read_film(path)
        except DataError as error:
            failures[film_id] = str(error)
        else:
            yield Radiograph(film_id, film.pixels, view=view or film.view, spacing_mm=film.spacing_mm)


if __name__ == "__main__":
    run_script(main)
