"""Segment and name the vertebrae of a film or a folder of films: `python infer.py input=<folder> checkpoints=<folder>`."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning_fabric import Fabric
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from spinefm.composition import compose_pipeline, known_reader, load_components, placement, trained_views
from spinefm.data.film_source import film_stem, safe_id
from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import read_film
from spinefm.data.reading.film_folders import find_films, passed_over
from spinefm.data.reading.view_rule import ViewRule
from spinefm.export.films import is_somebody_elses, remove_spine, write_spine
from spinefm.export.finished import RECORD, earlier_run, finished_films
from spinefm.export.tables import MEASUREMENTS, SUMMARY, FilmRows, write_tables
from spinefm.files.atomic import DiskFullError, write_text
from spinefm.options import check_section
from spinefm.pipeline import SpinePipeline, film_spines
from spinefm.provenance import checkpoint_origins, run_record
from spinefm.running.distributed import Team, check_one_folder
from spinefm.running.failures import run_script
from spinefm.running.jobs import is_for_several, one_job, run_apart
from spinefm.running.overlapping import read_ahead, work_behind
from spinefm.running.quick_exit import quick_exit
from spinefm.structures import Radiograph, Spine

log = logging.getLogger(__name__)

APART = ("output", "keep_finished")
"""Options that change no result."""


@hydra.main(version_base=None, config_path="conf", config_name="infer")
@one_job
def main(config: DictConfig) -> None:
    """Write labels, JSON and overlay of every film; a film that fails does not stop the others."""
    if is_for_several(config):
        run_apart(__file__)
        return
    check_section(Fabric, config.trainer)
    folder, fabric = Path(HydraConfig.get().runtime.output_dir), instantiate(config.trainer)
    views = ViewRule.of(config.view)
    source = Path(str(config.input))
    paths, failures, rows = find_films(source), dict[str, str](), list[FilmRows]()
    ids = film_ids(paths)
    check_apart(folder, source)
    check_nobody_elses(folder, ids.values())
    where = placement(fabric, config.trainer.precision, config.compile, config.channels_last)
    kind = instantiate(config.pipeline)
    components = load_components(config.checkpoints, kind.func.components)
    reader = known_reader(config.reader, components.values())
    pipeline, views = compose_pipeline(kind, components, where), views.learned(trained_views(components.values()))
    made_by = record(config, components)
    done = kept(config, folder, ids, made_by)
    rows += done.values()
    with Team(fabric) as team:
        check_one_folder(folder)
        team.beforehand(partial(begin, folder, made_by))
        if team.is_first:
            tell_passed_over(source, paths)
        share = dict(team.share([(path, film_id) for path, film_id in ids.items() if film_id not in done]))
        films = readable(share, folder, views, reader, failures)
        # Every process has a record of its own: the first one's is written.
        write = partial(write_film, folder, team.gather([made_by["run_id"]])[0], rows, failures)
        try:
            team.together(partial(segment, pipeline, films, write, total=len(share), quiet=not team.is_first))
        except KeyboardInterrupt:
            if team.is_first:
                write_tables(folder, list(ids.values()), rows, failures)  # of what it has finished; the others may have ended
            raise
        failures, rows = dict(team.gather(list(failures.items()))), team.gather(rows)
    if team.is_first:
        write_tables(folder, list(ids.values()), rows, failures)
        report(folder, list(ids.values()), failures | {found.film_id: found.failure for found in rows if found.failure})


def begin(folder: Path, made_by: Mapping[str, Any]) -> None:
    """Write down what makes the results from now on; an earlier run's tables go, else one that ends halfway would seem to have them."""
    write_text(folder / RECORD, OmegaConf.to_yaml(made_by))
    for name in (SUMMARY, MEASUREMENTS):
        (folder / name).unlink(missing_ok=True)


def tell_passed_over(source: Path, films: list[Path]) -> None:
    """Say which files of the input folder count as no films, lest they are waited for."""
    if source.is_dir() and (others := passed_over(source, films)):
        log.warning("%s: %d films; passed over: %s.", source, len(films), others)


def check_apart(output: Path, films: Path) -> None:
    """Make sure that results go elsewhere than films, beside which `<id>.json` may be an annotation.

    Raises:
        ValueError: If they do not.
    """
    if output.resolve() == (films if films.is_dir() else films.parent).resolve():
        raise ValueError(f"Expected `output` to be another folder than that of the films, but got `{output}`. Name another one.")


def check_nobody_elses(output: Path, ids: Iterable[str]) -> None:
    """Make sure that no result would replace a file that is none, such as an annotation.

    Raises:
        ValueError: If there is a `<id>.json` without the label map that results have.
    """
    for film_id in ids:
        if is_somebody_elses(output, film_id):
            json = output / f"{film_id}.json"
            raise ValueError(f"Expected nothing but results in `output`, but found `{json}` without label map. Name another folder.")


def record(config: DictConfig, components: Iterable[str]) -> dict[str, Any]:
    """By what the results were made: commit, versions, networks and options."""
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    return run_record(resolved) | {"components": checkpoint_origins(config.checkpoints, components), "config": resolved}


def kept(config: DictConfig, folder: Path, films: Mapping[Path, str], made_by: dict[str, Any]) -> dict[str, FilmRows]:
    """What tables say of the films with which an interrupted run was done, if this one goes on with it: by its id it is that one then."""
    if not config.keep_finished or (run_id := earlier_run(folder, made_by, APART)) is None:
        return {}
    made_by["run_id"] = run_id
    done = finished_films(folder, films, run_id)
    log.info("%d of %d films are done already, and kept.", len(done), len(films))
    return {film_id: FilmRows.of(content) for film_id, content in done.items()}


def segment(
    pipeline: SpinePipeline,
    films: Iterator[Radiograph],
    write: Callable[[tuple[Radiograph, Spine]], None],
    total: int,
    quiet: bool = False,
) -> None:
    """Write what is found on every film."""
    written = work_behind(write, film_spines(pipeline, read_ahead(films)))
    for _ in track(written, "Films", total=total, disable=quiet):
        pass


def write_film(folder: Path, run_id: str, rows: list[FilmRows], failures: dict[str, str], found: tuple[Radiograph, Spine]) -> None:
    """Write what was found on a film; `rows` gets what tables say of it, `failures` the reason if it cannot be written.

    Raises:
        DiskFullError: If there is no room for the other films either.
    """
    radiograph, spine = found
    try:
        rows.append(FilmRows.of(write_spine(folder, radiograph, spine, run_id)))
    except DiskFullError:
        raise
    except OSError as error:
        failures[spine.film_id] = f"Expected to write its results into `{folder}`, but could not ({error}). Mend that, and run it again."


def report(folder: Path, films: list[str], failures: dict[str, str]) -> None:
    """Print the outcome; films that failed are named in the order in which they were found, and fail the run."""
    Console().print(f"{len(films) - len(failures)} of {len(films)} films: {folder}")
    if failures:
        reasons = "\n".join(f"  {film_id}: {failures[film_id]}" for film_id in films if film_id in failures)
        raise ValueError(f"{len(failures)} of {len(films)} films failed; look at them by hand:\n{reasons}")


def film_ids(paths: list[Path]) -> dict[Path, str]:
    """An id per film: its file's name without the suffix, or with it where two names differ in nothing else; as data sets have them.

    Raises:
        ValueError: If two films would have one id.
    """
    stems = {path: safe_id(film_stem(path)) for path in paths}
    counts = Counter(stems.values())
    ids = {path: stem if counts[stem] == 1 else safe_id(path.name) for path, stem in stems.items()}
    of_id = dict[str, Path]()
    for path, film_id in ids.items():
        if (other := of_id.setdefault(film_id, path)) != path:
            raise ValueError(f"Expected films of different names, but the results of `{other}` and `{path}` would be one. Rename a file.")
    return ids


def readable(ids: dict[Path, str], output: Path, views: ViewRule, reader: str | None, failures: dict[str, str]) -> Iterator[Radiograph]:
    """The films that can be used, for the outlines of `reader`; `failures` gets the reason for the others, whose earlier results go."""
    for path, film_id in ids.items():
        try:
            film = read_film(path)
            view = views.view_of(path, film.view)
        except DataError as error:
            failures[film_id] = str(error)
            remove_spine(output, film_id)  # else it would seem to have them now
        else:
            yield Radiograph(film_id, film.pixels, view=view, spacing_mm=film.spacing_mm, reader=reader)


if __name__ == "__main__":
    run_script(main)
    quick_exit()
