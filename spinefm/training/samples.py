"""Looking at what a component makes of validation items, while it is trained."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import WandbLogger
from torch.utils.data import DataLoader

from spinefm.components import Component
from spinefm.components.samples import Sample
from spinefm.data.views import View
from spinefm.data.views.sampling import ItemKey
from spinefm.structures import Pixels

NUM_SAMPLES = 8
MAX_SIDE = 1024
"""Longer pictures are shrunk, pixels: W&B shows no more, and films have many megabytes."""
PICTURES, TABLE = "val/samples", "val/samples_table"


class SamplePredictions(Callback):
    """Shows W&B samples after the epochs 1, 2, 4, 8, ... and the last one; does nothing without W&B."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take them from all of the validation items; the component is in evaluation mode, and computes no gradient."""
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        due = is_due(trainer.current_epoch + 1, trainer.max_epochs) and not trainer.sanity_checking
        if loggers and due and trainer.is_global_zero and isinstance(pl_module, Component):
            validation: Any = trainer.val_dataloaders
            with trainer.precision_plugin.forward_context():
                samples = draw_samples(pl_module, validation.dataset)
            for logger in loggers:
                show(logger, samples, trainer.global_step - 1)  # where the metrics of this validation stand


def is_due(epoch: int, last: int | None) -> bool:
    """Whether samples are drawn after an epoch, counted from 1: often while much changes, and seldom in a long training."""
    return epoch & (epoch - 1) == 0 or epoch == last


@torch.no_grad()
def draw_samples(component: Component, view: View[Any]) -> list[Sample]:
    """What a component makes of `NUM_SAMPLES` items, evenly spread over its view. No random generator is touched."""
    indices = np.unique(np.linspace(0, len(view) - 1, NUM_SAMPLES).round().astype(int)).tolist()
    keys = [ItemKey(0, index) for index in indices]
    # Its own generator: a loader takes a number from the one of training, unless it has one.
    loader = DataLoader(view, batch_sampler=[keys], collate_fn=component.collate, generator=torch.Generator())
    (batch,) = loader
    batch = component.transfer_batch_to_device(batch, component.device, 0)
    return component.samples(batch, [view.film_of(index) for index in indices])


def show(logger: WandbLogger, samples: Sequence[Sample], step: int) -> None:
    """Log pictures with masks that can be switched off, and a table with a row for each."""
    pictures = [Image.fromarray(_shrunk(sample.picture, cv2.INTER_AREA)) for sample in samples]
    captions = [", ".join(_worded(*fact) for fact in sample.facts.items()) for sample in samples]
    logger.log_image(PICTURES, pictures, step, masks=[_overlays(sample) for sample in samples], caption=captions)
    logger.log_table(TABLE, list(samples[0].facts), [list(sample.facts.values()) for sample in samples], step=step)


def _shrunk(image: Pixels, method: int) -> Pixels:
    scale = min(1.0, MAX_SIDE / max(image.shape))
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), dtype=np.uint8)


def _worded(name: str, value: str | float) -> str:
    return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"


def _overlays(sample: Sample) -> dict[str, Any]:
    """W&B colours a mask by its class, so every mask has one of its own."""
    return {
        name: {"mask_data": number * _shrunk(mask.astype(np.uint8), cv2.INTER_NEAREST), "class_labels": {number: name}}
        for number, (name, mask) in enumerate(sample.masks.items(), start=1)
    }
