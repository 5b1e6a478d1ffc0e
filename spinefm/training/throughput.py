"""How fast a training goes, and whether it waits for its data."""

import logging
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch.utils.data import DataLoader

log = logging.getLogger(__name__)


class TimedLoader(DataLoader[Any]):
    """A loader that knows how long it was waited for.

    Attributes:
        waited: Seconds since it was made.
        batches: How many it has given.
    """

    waited, batches = 0.0, 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override] # an iterator of batches, which is all that Lightning wants
        start = perf_counter()
        for batch in super().__iter__():
            self.waited += perf_counter() - start
            self.batches += 1
            yield batch
            start = perf_counter()


class Throughput(Callback):
    """Logs per epoch `train/samples_per_s`, of all processes, and `train/waiting_share`, the share of the time spent waiting for batches.

    Validation does not count.
    """

    def __init__(self) -> None:
        self._start = self._waited = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin anew."""
        self._start, self._waited = perf_counter(), trainer.train_dataloader.waited  # type: ignore[union-attr]

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What passes from here on ..."""
        self._start -= perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """... to here is not training."""
        self._start += perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log both."""
        loader: Any = trainer.train_dataloader
        samples = min(int(trainer.num_training_batches) * loader.batch_size, len(loader.sampler)) * trainer.world_size
        seconds = perf_counter() - self._start
        speed, share = samples / seconds, (loader.waited - self._waited) / seconds
        pl_module.log_dict({"train/samples_per_s": speed, "train/waiting_share": share}, batch_size=1)
        log.info("Epoch %d: %.0f samples/s, %.0f %% of the time waiting for data", trainer.current_epoch, speed, 100 * share)
