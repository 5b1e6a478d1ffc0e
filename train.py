"""Train one component: `python train.py component=point_predictor dataset=synthetic`."""

import logging
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LambdaCallback
from rich.console import Console

from spinefm.components import COMPONENTS, Component
from spinefm.components.base import RUN_KEY, component_name, read_checkpoint
from spinefm.data.dataset import RadiographDataset
from spinefm.files.atomic import write_json, write_text
from spinefm.files.shipped_files import SHIPPED, checkpoint_at
from spinefm.files.weight_files import sha256_of
from spinefm.options import check_options, check_section
from spinefm.provenance import run_record, training_origin
from spinefm.running.distributed import check_one_folder
from spinefm.running.failures import run_script
from spinefm.running.jobs import (
    CONFIG,
    PRETRAINED,
    RECORD,
    SCORE,
    check_score,
    finished_score,
    in_multirun,
    is_for_several,
    one_job,
    run_apart,
)
from spinefm.running.resolvers import register_resolvers
from spinefm.tracking import log_model
from spinefm.training.checkpoints import BestCheckpoint, LastCheckpoint, check_unused, resume_from
from spinefm.training.films import FilmDataModule
from spinefm.training.finite_loss import FiniteLoss
from spinefm.training.loggers import ignore_own_folder, start_loggers
from spinefm.training.parameters import parameter_table
from spinefm.training.publish import publish_checkpoint
from spinefm.training.samples import SamplePredictions
from spinefm.training.throughput import Throughput

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)

register_resolvers()


@hydra.main(version_base=None, config_path="conf", config_name="train")
@one_job
def main(config: DictConfig) -> float:
    """Train, keep the best checkpoint, publish it; returns the monitored value of the best epoch for sweepers."""
    name = component_name(config.component.module._target_)
    for group in ("experiment", "sweep"):
        check_meant(name, group, HydraConfig.get().runtime.choices[group])
    folder = Path(HydraConfig.get().runtime.output_dir)
    for path in ("resume", "pretrained"):
        config[path] = config[path] and str(config[path])  # digits alone arrive as a number from a command line
    pl.seed_everything(config.seed, workers=True, verbose=False)
    dataset = instantiate(config.dataset, _convert_="all")
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    record = run_record(resolved, dataset.fingerprint) | pretrained_record(config, name)
    if in_multirun() and (before := finished_score(folder, record)) is not None:
        log.info("Finished before: %s", folder)
        return before
    if is_for_several(config):
        reached = run_apart(__file__, "publish=null")
        return float("nan") if reached is None else reached
    check_unused(folder)
    ignore_own_folder(folder)
    component = new_component(config, dataset)
    check_options(FilmDataModule, config.component.loader)
    films = FilmDataModule(dataset, component, **config.component.loader)
    best = BestCheckpoint(folder, component, config.resume)
    trainer = new_trainer(config, folder, best)
    run = start_loggers(trainer.loggers, resolved | record)
    component.run = training_origin(record, dataset.name, run.id if run else None, dataset.views)
    if trainer.is_global_zero:
        write_text(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True))
        write_json(folder / RECORD, record)
        Console().print(parameter_table(component.model))
    trainer.fit(component, datamodule=films, ckpt_path=config.resume, weights_only=True)
    if trainer.fast_dev_run:  # type: ignore[attr-defined] # Lightning sets it in a connector
        log.info("A trial of one batch: no checkpoint was kept, nothing is published.")
        return float("nan")
    value = score(trainer, component, best, folder)
    if config.publish and trainer.is_global_zero and not in_multirun():
        publish(config.publish, component, best, run)
    return value


def check_meant(component: str, group: str, choice: str | None) -> None:
    """Make sure that an experiment or a sweep is not another component's, of which it would change next to nothing; its name tells."""
    meant = set(str(choice).split("/")) & set(COMPONENTS)
    if meant and component not in meant:
        raise ValueError(f"Expected a choice of {group} for {component}, but `{group}={choice}` is for {meant.pop()}. Change one of them.")


def new_component(config: DictConfig, dataset: RadiographDataset) -> Component:
    """What is trained; fails on what is missing before films are read."""
    component: Component = instantiate(config.component.module, _recursive_=False, _convert_="all")
    if config.resume and config.pretrained:
        raise ValueError("Expected `resume` or `pretrained`, but got both: a run that goes on has its network. Leave out one of them.")
    if config.resume:
        resume_from(config.resume, component, dataset)
    elif config.pretrained:
        component.start_from(config.pretrained)
    else:
        component.check()
    component.accelerate(config.compile, config.channels_last)
    return component


def pretrained_record(config: DictConfig, component: str) -> dict[str, str | None]:
    """Which network a training begins with, or began with if it goes on, by the SHA-256 of its file; nothing from scratch."""
    if config.resume:
        begun = read_checkpoint(config.resume, component).get(RUN_KEY) or {}
        return {key: value for key, value in begun.items() if key == PRETRAINED}
    if not config.pretrained:
        return {}
    path = checkpoint_at(config.pretrained, component)
    return {PRETRAINED: sha256_of(path) if path.is_file() else None}


def new_trainer(config: DictConfig, folder: Path, best: BestCheckpoint) -> pl.Trainer:
    """Lightning's, with everything that watches a training."""
    one_folder = LambdaCallback(on_fit_start=lambda *_: check_one_folder(folder))
    callbacks = [one_folder, FiniteLoss(), best, LastCheckpoint(folder), Throughput(), SamplePredictions()]
    check_section(pl.Trainer, config.trainer)
    loggers = [instantiate(logger) for logger in config.logger.values()]
    trainer: pl.Trainer = instantiate(config.trainer, logger=loggers or False, callbacks=callbacks, default_root_dir=folder)
    check_last_epoch(trainer)
    return trainer


def check_last_epoch(trainer: pl.Trainer) -> None:
    """Make sure that the last epoch is validated: what is not cannot be the best."""
    epochs, every = trainer.max_epochs, trainer.check_val_every_n_epoch
    if epochs and every and epochs > 0 and epochs % every:
        raise ValueError(
            f"Expected `component.max_epochs` to be a multiple of `trainer.check_val_every_n_epoch`={every}, so that the last epoch "
            f"is validated, but got {epochs}. Change one of them."
        )


def publish(folder: str, component: Component, best: BestCheckpoint, run: "Run | None") -> None:
    """Put the best checkpoint where evaluations look for it."""
    published = publish_checkpoint(best.best_model_path, component.name, folder)
    log.info("Published %s", published)
    if (shipped := published.with_suffix(SHIPPED)).is_file():
        log.info("It goes before %s, which was shipped, for as long as it is there.", shipped)
    if run:
        # After a resume the best epoch may be one of the run before.
        log_model(run, published, component.name, read_checkpoint(published, component.name)[RUN_KEY])


def score(trainer: pl.Trainer, component: Component, best: BestCheckpoint, folder: Path) -> float:
    """The best monitored value; fails if there is none. That it is written down says that a training has finished."""
    value = None if best.best_model_score is None else float(best.best_model_score)
    known = value if value is not None and isfinite(value) else None
    if trainer.is_global_zero:
        write_json(folder / SCORE, {"monitor": component.monitor, "mode": component.mode, "value": known})
    log.info("%s: best %s = %s", component.name, component.monitor, known)
    return check_score(known, component.monitor)


if __name__ == "__main__":
    run_script(main)
