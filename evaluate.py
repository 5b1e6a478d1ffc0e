"""Evaluate the pipeline, or one component alone: `python evaluate.py dataset=synthetic [component=resnet]`."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning_fabric import Fabric
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from spinefm.components import Component
from spinefm.components.base import component_name
from spinefm.composition import compose_pipeline, known_reader, load_components, placement, trained_views
from spinefm.data.dataset import RadiographDataset
from spinefm.data.problems import DataError
from spinefm.data.reading.view_rule import may_be, only_view
from spinefm.evaluation.evaluator import OVERLAYS, Evaluator, remove_results, results_in
from spinefm.evaluation.tables import angles_table, component_table, results_table
from spinefm.files.atomic import write_json
from spinefm.options import check_options, check_section
from spinefm.pipeline import SpinePipeline, film_spines
from spinefm.provenance import checkpoint_origins, run_record
from spinefm.running.distributed import Team, check_one_folder
from spinefm.running.failures import run_script
from spinefm.running.jobs import OVERRIDES, RECORD, in_multirun, is_for_several, one_job, run_apart
from spinefm.running.overlapping import read_ahead
from spinefm.running.resolvers import register_resolvers
from spinefm.structures import Radiograph, Split
from spinefm.tracking import TrackedEvaluation, use_models
from spinefm.training.films import FilmDataModule
from spinefm.training.loggers import ignore_own_folder, start_loggers

log = logging.getLogger(__name__)

register_resolvers()

OWN = "own"
"""`reader` for the outlines of whoever annotated a film."""

OF_A_TRAINING = re.compile(r"[+~]*(\w+@)?(component\.|component=\{|(experiment|foundation|tuning|prompt)\b)")
"""What overrides begin with that set how a component is made and trained; `component=` alone names the one to evaluate."""


@hydra.main(version_base=None, config_path="conf", config_name="evaluate")
@one_job
def main(config: DictConfig) -> None:
    """Write `results.json` (and, for the pipeline, report, table and overlays) and print the results."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if in_multirun():
        remove_results(folder, results_in(folder))  # Hydra has replaced the options that a sweep's table shows beside them
    check_no_training(HydraConfig.get().overrides.task)
    if is_for_several(config):
        run_apart(__file__)
        return
    dataset = instantiate(config.dataset, _convert_="all")
    if "component" in config:  # the recipe of a training, of which only the name counts: the checkpoint knows its own
        evaluate_component(config, component_name(config.component.module._target_), dataset, folder)
    else:
        evaluate_pipeline(config, dataset, folder)


def check_no_training(given: Iterable[str]) -> None:
    """Make sure that no setting of a training was given, group or value: it would change nothing."""
    if settings := [override for override in given if OF_A_TRAINING.match(override)]:
        raise ValueError(f"Expected no settings of a training, but got `{settings[0]}`: checkpoints have their own. Leave it out.")


def evaluate_pipeline(config: DictConfig, dataset: RadiographDataset, folder: Path) -> None:
    """Run the composed pipeline on every film of the split; films that cannot be used are listed at the end, and fail the run."""
    check_section(Fabric, config.trainer)
    fabric = instantiate(config.trainer)
    where = placement(fabric, config.trainer.precision, config.compile, config.channels_last)
    kind = instantiate(config.pipeline)
    components = load_components(config.checkpoints, kind.func.components)
    pipeline, shown = compose_pipeline(kind, components, where), asking_for(config.reader, components.values())
    evaluator = Evaluator(folder / OVERLAYS, instantiate(config.evaluation))
    films, failures = dataset.some_of(config.split), list[str]()
    earlier = results_in(folder)  # loggers write beside them
    tracked = start(config, dataset, kind.func.components)
    with Team(fabric) as team:
        check_one_folder(folder)
        if team.is_first:
            tell_other_views(components.values(), dataset, config.split)
        team.beforehand(partial(remove_results, folder, earlier))  # else one that fails now would seem to have those of an earlier one
        team.together(partial(run_pipeline, pipeline, team.share(films), evaluator, failures, shown, quiet=not team.is_first))
        own = evaluator.films
        records, failures = team.gather(own), sorted(team.gather(failures))
    if team.is_first:
        evaluator.merge(records[len(own) :])  # the first process's own come first
        write_results(tracked, evaluator, failures, folder)


def tell_other_views(components: Iterable[Component], dataset: RadiographDataset, split: Split) -> None:
    """Warn of films of views that none of these networks has seen: they are evaluated all the same."""
    only = only_view(trained_views(components))
    if only and (others := [view for view in dataset.views_of(split) if not may_be(view, only)]):
        told = "The %s split has films of the view %s, but these networks were trained on %s alone: they may find little there."
        log.warning(told, split, " and ".join(others), only)


def asking_for(reader: object, components: Iterable[Component]) -> Callable[[Radiograph], Radiograph] | None:
    """What a pipeline is shown of a film: who annotated it, or another reader, or none, in that place."""
    return None if reader == OWN else partial(replace, reader=known_reader(reader, components))


def run_pipeline(
    pipeline: SpinePipeline,
    films: Sequence[Radiograph],
    evaluator: Evaluator,
    failures: list[str],
    shown: Callable[[Radiograph], Radiograph] | None,
    quiet: bool = False,
) -> None:
    """Show the evaluator what is found on every film; why some cannot be used goes into `failures`."""
    ahead = read_ahead(readable(films, failures))
    for film, spine in track(film_spines(pipeline, ahead, shown), "Films", total=len(films), disable=quiet):
        evaluator.update(film, spine)


def start(config: DictConfig, dataset: RadiographDataset, components: Iterable[str]) -> TrackedEvaluation:
    """Say which checkpoints are evaluated, and begin the loggers."""
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    record = run_record(resolved, dataset.fingerprint) | {"components": checkpoint_origins(config.checkpoints, components)}
    record[OVERRIDES] = list(HydraConfig.get().overrides.task)
    loggers = [instantiate(logger) for logger in config.logger.values()]
    run = start_loggers(loggers, resolved | record)
    if run:
        use_models(run, config.checkpoints, record["components"])
    return TrackedEvaluation(resolved, record, dataset.name, loggers, run)


def write_results(tracked: TrackedEvaluation, evaluator: Evaluator, failures: Sequence[str], folder: Path) -> None:
    """Write, log and print what all processes found."""
    films = evaluator.films
    number = len(failures) + len(films)
    unusable = "\n  ".join([f"{len(failures)} of {number} films cannot be used; results are of the others.", *failures])
    if failures and not films:
        raise ValueError(unusable)
    results = evaluator.write(folder, {**tracked.record, "config": tracked.config}, failures)
    write_json(folder / RECORD, tracked.record)
    tracked.tell_films(folder, results, films)
    Console().print(results_table(results))
    if angles := angles_table(results):
        Console().print(angles)
    Console().print(f"Results: {folder}")
    if failures:
        raise ValueError(unusable)


def readable(films: Sequence[Radiograph], failures: list[str]) -> Iterator[Radiograph]:
    """The films that can be used; why the others cannot goes into `failures`."""
    for index in range(len(films)):
        try:
            yield films[index]
        except DataError as error:
            failures.append(str(error))


def evaluate_component(config: DictConfig, name: str, dataset: RadiographDataset, folder: Path) -> None:
    """Test one component by its own metrics."""
    check_section(pl.Trainer, config.trainer)
    lightning = dict(config.trainer) | {"_target_": "pytorch_lightning.Trainer"}
    trainer = instantiate(lightning, logger=False, enable_checkpointing=False, default_root_dir=folder)
    if trainer.world_size > 1:
        raise ValueError(f"Expected one process for a single component, but got {trainer.world_size}. Leave out `trainer=ddp`.")
    if config.reader != OWN:
        raise ValueError(f"Expected `reader={OWN}` for a single component, but got `{config.reader}`. Leave it out.")
    check_options(FilmDataModule, {"batch_size": config.batch_size})
    component = load_components(config.checkpoints, [name])[name]
    component.accelerate(config.compile, config.channels_last)
    view = FilmDataModule(dataset, component, config.batch_size).loader(config.split, training=False)
    tell_other_views([component], dataset, config.split)
    earlier = results_in(folder)
    tracked = start(config, dataset, [name])
    trainer.loggers = tracked.loggers
    remove_results(folder, earlier)
    ignore_own_folder(folder)
    (metrics,) = trainer.test(component, view, verbose=False)
    results = {name.removeprefix("test/"): {"value": value if isfinite(value) else None} for name, value in metrics.items()}
    write_json(folder / "results.json", results)
    write_json(folder / RECORD, tracked.record)
    tracked.keep_files(folder)
    Console().print(component_table(component.name, results))
    Console().print(f"Results: {folder}")


if __name__ == "__main__":
    run_script(main)
