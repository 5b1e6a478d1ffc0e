"""How fast a training goes, and whether it waits for its data."""

import logging
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

log = logging.getLogger(__name__)


class Throughput(Callback):
    """Logs per epoch `train/samples_per_s`, of all processes, and `train/waiting_share`, the share of the time before a batch has come.

    Validation does not count. A GPU works on while the next batch is awaited: there the share is an upper bound of what it loses.
    """

    def __init__(self) -> None:
        self._waited = self._worked = self._last = 0.0

    def _passed(self) -> float:
        """Seconds since it was last asked."""
        before, self._last = self._last, perf_counter()
        return self._last - before

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin anew."""
        self._waited = self._worked = 0.0
        self._passed()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """A batch has come."""
        self._waited += self._passed()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """It is done."""
        self._worked += self._passed()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What has passed since the last batch is nobody's."""
        self._passed()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log both."""
        loader: Any = trainer.train_dataloader
        samples = min(int(trainer.num_training_batches) * loader.batch_size, len(loader.sampler)) * trainer.world_size
        speed, share = samples / (self._waited + self._worked), self._waited / (self._waited + self._worked)
        pl_module.log_dict({"train/samples_per_s": speed, "train/waiting_share": share}, batch_size=1)
        log.info("Epoch %d: %.0f samples/s, %.0f %% of the time waiting for data", trainer.current_epoch, speed, 100 * share)
