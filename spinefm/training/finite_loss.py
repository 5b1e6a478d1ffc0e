"""A training that diverges ends at once, and says so."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback


class FiniteLoss(Callback):
    """Fails after an epoch that ends without a finite loss: a metric such as mask AP would only become 0, and be published."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the last batch's loss, as weights that are no numbers stay so.

        Raises:
            ValueError: If it is not finite.
        """
        loss = trainer.callback_metrics["train/loss"]
        if not torch.isfinite(loss):
            remedy = "Lower `component.module.optimizer.lr`, or set `trainer.gradient_clip_val=1.0` or `trainer.precision=32-true`."
            raise ValueError(f"Expected a finite loss, but epoch {trainer.current_epoch} ended with {float(loss)}. {remedy}")
