"""Publishing a checkpoint: the trained component without the state of its training, put in place atomically."""

from pathlib import Path

from spinefm.components.base import read_checkpoint
from spinefm.files.torch_files import write_torch_file
from spinefm.training.films import FilmDataModule

TRAINING_STATE = ("optimizer_states", "lr_schedulers", "loops", "callbacks", FilmDataModule.__qualname__)


def publish_checkpoint(checkpoint: str | Path, component: str, folder: str | Path) -> Path:
    """Copy a checkpoint to `<folder>/<component>.ckpt`, without the state that only resuming needs.

    Raises:
        FileNotFoundError: If there is no checkpoint.
        ValueError: If it is another component's.
    """
    content = read_checkpoint(checkpoint, component)
    # A name of digits alone arrives as a number from a command line.
    target = Path(str(folder)) / f"{component}.ckpt"
    write_torch_file(target, {key: value for key, value in content.items() if key not in TRAINING_STATE})
    return target
