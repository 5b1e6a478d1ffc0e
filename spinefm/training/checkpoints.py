"""Which checkpoints a run keeps, and which it can go on from."""

from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint

from spinefm.components import Component
from spinefm.components.base import read_checkpoint

MAY_CHANGE = ("seed", "weights")
"""Settings in which a resumed run may differ; whether foundation weights are the same, their SHA-256 tells."""


class BestCheckpoint(ModelCheckpoint):
    """`best.ckpt`, the epoch with the best monitored value; after a resume the best one so far may lie in the older run's folder."""

    def __init__(self, folder: Path, component: Component) -> None:
        super().__init__(folder, "best", monitor=component.monitor, mode=component.mode)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See Lightning, which would forget the best value so far because the resumed run has another folder."""
        super().load_state_dict(state_dict | {"dirpath": self.dirpath})


class LastCheckpoint(ModelCheckpoint):
    """`last.ckpt`, written anew each epoch; Lightning's own `save_last` passes over the epochs that are not the best so far."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "last", save_on_train_epoch_end=True)  # else only those that are validated


def check_resumable(path: str | Path, component: Component) -> None:
    """Make sure that a run of this component can go on from a checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, another component's, of another shape, or without the state of its training.
    """
    checkpoint = read_checkpoint(path, component.name)
    if "optimizer_states" not in checkpoint:
        raise ValueError(f"Expected `resume` to hold the state of a training, but `{path}` is a published one. Give the run's `last.ckpt`.")
    before, now = checkpoint["hyper_parameters"], dict(component.hparams)
    changed = [key for key in sorted(before.keys() | now.keys()) if key not in MAY_CHANGE and before.get(key) != now.get(key)]
    if changed:
        settings = ", ".join(f"{key}={before.get(key)}" for key in changed)
        raise ValueError(f"Expected the settings of the run in `{path}`, but they were other ones: {settings}. Repeat them to resume it.")
    component.on_load_checkpoint(checkpoint)
    try:
        component.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"Expected `resume` to fit `component.module`, but `{path}` does not. Repeat its settings. {error}") from error
