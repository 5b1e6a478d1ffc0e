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

from spinefm.components import Component
from spinefm.composition import compose_pipeline, known_reader, load_components, placement, trained_views
from spinefm.data.film_source import film_stem, safe_id
from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import read_film
from spinefm.data.reading.film_folders import find_films, passed_over
from spinefm.data.reading.view_rule import ViewRule, only_view
from spinefm.export.doubts import DoubtRule
from spinefm.export.films import is_somebody_elses
from spinefm.export.results import Results
from spinefm.export.tables import SUMMARY
from spinefm.options import check_options, check_section
from spinefm.pipeline import SpinePipeline, film_spines
from spinefm.provenance import checkpoint_origins, run_record
from spinefm.running.distributed import Team, check_one_folder
from spinefm.running.failures import run_script
from spinefm.running.jobs import is_for_several, one_job, run_apart
from spinefm.running.overlapping import read_ahead, work_behind
from spinefm.running.quick_exit import quick_exit
from spinefm.structures import Radiograph, Spine

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="infer")
@one_job
def main(config: DictConfig) -> None:
    """Write labels, JSON and overlay of every film; a film that fails does not stop the others."""
    if is_for_several(config):
        run_apart(__file__)
        return
    check_section(Fabric, config.trainer)
    check_options(Results, {"keep_finished": config.keep_finished})
    check_options(DoubtRule, {"doubt_below": config.doubt_below})
    folder, fabric = Path(HydraConfig.get().runtime.output_dir), instantiate(config.trainer)
    views = ViewRule.of(config.view)
    source = Path(str(config.input))
    ids = film_ids(find_films(source))
    check_apart(folder, source)
    check_nobody_elses(folder, ids.values())
    where = placement(fabric, config.trainer.precision, config.compile, config.channels_last)
    kind = instantiate(config.pipeline)
    components = load_components(config.checkpoints, kind.func.components)
    reader = known_reader(config.reader, components.values())
    pipeline, views = compose_pipeline(kind, components, where), views.learned(trained_views(components.values()))
    results = Results(folder, ids, doubt_rule(components, config.doubt_below), record(config, components), config.keep_finished)
    with Team(fabric) as team:
        check_one_folder(folder)
        team.beforehand(results.begin)
        results.agree(team.gather)  # each process has a record of its own, and looks into the folder at another time
        if team.is_first:
            tell_passed_over(source, list(ids))
        share = team.share(results.to_do)
        films = readable(share, views, reader, results)
        try:
            team.together(partial(segment, pipeline, films, results.write, total=len(share), quiet=not team.is_first))
        except KeyboardInterrupt:
            if team.is_first:
                results.take_written()  # the others may have ended
                results.write_tables()
            raise
        results.gather(team.gather)
    if team.is_first:
        results.write_tables()
        report(results)


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


def doubt_rule(components: Mapping[str, Component], doubt_below: float) -> DoubtRule:
    """By which results are doubtful: as many vertebrae are usual as the networks have learnt, if they know one view, and where it ends."""
    ends = getattr(components.get("resnet"), "terminals", ())
    return DoubtRule.between(ends if only_view(trained_views(components.values())) else (), doubt_below)


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


def report(results: Results) -> None:
    """Print the outcome; films that failed are named in the order in which they were found, and fail the run."""
    number, reasons, doubtful = len(results.films), results.reasons, len(results.doubtful)
    say = Console().print
    say(f"{number - len(reasons)} of {number} films: {results.folder}")
    if doubtful:
        say(f"{doubtful} of them to look at first: see `doubts` in {SUMMARY}.")
    if reasons:
        told = "\n".join(f"  {film_id}: {reason}" for film_id, reason in reasons.items())
        raise ValueError(f"{len(reasons)} of {number} films failed; look at them by hand:\n{told}")


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


def readable(films: Iterable[tuple[Path, str]], views: ViewRule, reader: str | None, results: Results) -> Iterator[Radiograph]:
    """The films that can be used, for the outlines of `reader`; of the others `results` get the reason."""
    for path, film_id in films:
        try:
            results.open(path, film_id)
            film = read_film(path)
            view = views.view_of(path, film.view)
        except DataError as error:
            results.fail(film_id, str(error))
        else:
            yield Radiograph(film_id, film.pixels, view=view, spacing_mm=film.spacing_mm, reader=reader)


if __name__ == "__main__":
    run_script(main)
    quick_exit()
