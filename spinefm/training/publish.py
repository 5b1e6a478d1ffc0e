"""Publishing a checkpoint: the trained component without the state of its training, put in place atomically."""

from pathlib import Path

import torch

from spinefm.atomic import atomic_path
from spinefm.components.base import read_checkpoint

TRAINING_STATE = ("optimizer_states", "lr_schedulers", "loops", "callbacks")


def publish_checkpoint(checkpoint: str | Path, component: str, folder: str | Path) -> Path:
    """Copy a checkpoint to `<folder>/<component>.ckpt`, without the state that only resuming needs.

    Raises:
        FileNotFoundError: If there is no checkpoint.
        ValueError: If it is another component's.
    """
    content = read_checkpoint(checkpoint, component)
    target = Path(folder) / f"{component}.ckpt"
    with atomic_path(target) as temporary:
        torch.save({key: value for key, value in content.items() if key not in TRAINING_STATE}, temporary)
    return target
