"""Train one component: `python train.py component=point_predictor dataset=synthetic`."""

import logging
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LambdaCallback
from rich.console import Console

from spinefm.atomic import write_json, write_text
from spinefm.components import Component
from spinefm.distributed import check_one_folder
from spinefm.failures import run_script
from spinefm.jobs import RECORD, SCORE, finished_score, one_job
from spinefm.provenance import run_record, training_origin
from spinefm.tracking import log_model
from spinefm.training.checkpoints import BestCheckpoint, LastCheckpoint, check_resumable
from spinefm.training.films import FilmDataModule
from spinefm.training.loggers import start_loggers
from spinefm.training.parameters import parameter_table
from spinefm.training.publish import publish_checkpoint
from spinefm.training.samples import SamplePredictions
from spinefm.training.throughput import Throughput

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="train")
@one_job
def main(config: DictConfig) -> float:
    """Train, keep the best checkpoint, publish it; returns the monitored value of the best epoch for sweepers."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    dataset = instantiate(config.dataset, _convert_="all")
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    record = run_record(resolved, dataset.fingerprint)
    if HydraConfig.get().mode == RunMode.MULTIRUN and (before := finished_score(folder, record)) is not None:
        log.info("Finished before: %s", folder)
        return before
    component = new_component(config)
    best = BestCheckpoint(folder, component)
    trainer = new_trainer(config, folder, best)
    run = start_loggers(trainer.loggers, resolved | record)
    component.run = training_origin(record, dataset.name, run.id if run else None)
    if trainer.is_global_zero:
        write_text(folder / "config.yaml", OmegaConf.to_yaml(config, resolve=True))
        write_json(folder / RECORD, record)
        Console().print(parameter_table(component.model))
    films = FilmDataModule(dataset, component, **config.component.loader)
    trainer.fit(component, datamodule=films, ckpt_path=config.resume, weights_only=True)
    if trainer.is_global_zero and HydraConfig.get().mode == RunMode.RUN:
        publish(config, trainer, component, best, run)
    return score(trainer, component, best, folder)


def new_component(config: DictConfig) -> Component:
    """What is trained; fails on what is missing before films are read."""
    component: Component = instantiate(config.component.module, _recursive_=False, _convert_="all")
    if config.resume:
        check_resumable(config.resume, component)
    component.check()
    component.accelerate(config.compile, config.channels_last)
    return component


def new_trainer(config: DictConfig, folder: Path, best: BestCheckpoint) -> pl.Trainer:
    """Lightning's, with everything that watches a training."""
    one_folder = LambdaCallback(on_fit_start=lambda *_: check_one_folder(folder))
    callbacks = [one_folder, best, LastCheckpoint(folder), Throughput(), SamplePredictions()]
    loggers = [instantiate(logger) for logger in config.logger.values()]
    trainer: pl.Trainer = instantiate(config.trainer, logger=loggers or False, callbacks=callbacks, default_root_dir=folder)
    return trainer


def publish(config: DictConfig, trainer: pl.Trainer, component: Component, best: BestCheckpoint, run: "Run | None") -> None:
    """Put the best checkpoint where evaluations look for it."""
    if trainer.fast_dev_run:  # type: ignore[attr-defined] # Lightning sets it in a connector
        log.info("A trial of one batch: no checkpoint was kept, nothing is published.")
    elif config.publish:
        published = publish_checkpoint(best.best_model_path, component.name, config.publish)
        log.info("Published %s", published)
        if run:
            log_model(run, published, component.name, component.run or {})


def score(trainer: pl.Trainer, component: Component, best: BestCheckpoint, folder: Path) -> float:
    """The best monitored value, nan if there is none; writing it is the last thing that a training does."""
    value = float("nan") if best.best_model_score is None else float(best.best_model_score)
    log.info("%s: best %s = %.4f", component.name, component.monitor, value)
    if trainer.is_global_zero:
        known = value if isfinite(value) else None
        write_json(folder / SCORE, {"monitor": component.monitor, "mode": component.mode, "value": known})
    return value


if __name__ == "__main__":
    run_script(main)
