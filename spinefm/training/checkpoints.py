"""Which checkpoints a run keeps, and which it can go on from."""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint

from spinefm.components import Component
from spinefm.components.base import PATH_KEY, read_checkpoint
from spinefm.data.dataset import RadiographDataset
from spinefm.running.jobs import BEST, SCORE
from spinefm.training.films import TRAINING_FILMS, FilmDataModule

LAST = "last.ckpt"
MAY_CHANGE = ("seed", "weights")
"""Settings in which a resumed run may differ; whether foundation weights are the same, their SHA-256 tells."""


class BestCheckpoint(ModelCheckpoint):
    """`best.ckpt`, the epoch with the best monitored value; after a resume the best one so far may lie in the older run's folder."""

    def __init__(self, folder: Path, component: Component, resume: str | None) -> None:
        super().__init__(folder, Path(BEST).stem, monitor=component.monitor, mode=component.mode)
        self.resume = resume

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See Lightning, which would forget the best value so far because the resumed run has another folder."""
        best = best_so_far(state_dict, str(self.resume))
        super().load_state_dict(state_dict | {"dirpath": self.dirpath, "best_model_path": best})


class LastCheckpoint(ModelCheckpoint):
    """`last.ckpt`, written anew each epoch; Lightning's own `save_last` passes over the epochs that are not the best so far."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Path(LAST).stem, save_on_train_epoch_end=True)  # else only those that are validated


def check_unused(folder: Path) -> None:
    """Make sure that a training loses nothing of an earlier one; a job that SLURM takes up again goes on in its own folder.

    Raises:
        ValueError: If there was one in its folder.
    """
    if any(folder.glob("hpc_ckpt_*.ckpt")):
        return
    if found := [name for name in (BEST, LAST, SCORE) if (folder / name).is_file()]:
        raise ValueError(
            f"Expected `output` to be a folder without a training, but `{folder}` holds {', '.join(found)}. Name another one, "
            f"in which `resume={folder / LAST}` may go on from there, or delete it."
        )


def best_so_far(state: Mapping[str, Any], resume: str | Path) -> str:
    """Where the best epoch of a run lies that is resumed: where the run put it or, if that was moved, beside `resume`.

    Args:
        state: Of its `BestCheckpoint`.
        resume: The run's checkpoint.

    Returns:
        A path; empty if no epoch was validated.

    Raises:
        FileNotFoundError: If it lies at neither.
    """
    path, beside = str(state["best_model_path"]), Path(resume).absolute().with_name(BEST)
    if not path or Path(path).is_file():
        return path
    if not beside.is_file():
        place = f"Expected the best epoch of the run at `{path}` or beside `{resume}`, but found neither"
        raise FileNotFoundError(f"{place}. Put its `{BEST}` there, or begin anew.")
    return str(beside)


def resume_from(path: str | Path, component: Component, dataset: RadiographDataset) -> None:
    """Give a component the network of a checkpoint from which its run goes on, on these films; the rest Lightning restores.

    Raises:
        FileNotFoundError: If there is no such file, or not that of its best epoch; see `best_so_far`.
        ValueError: If it is no checkpoint, another component's, of another shape, of other films, or without the state of its training.
    """
    checkpoint = read_checkpoint(path, component.name) | {PATH_KEY: str(path)}
    if "optimizer_states" not in checkpoint:
        raise ValueError(f"Expected `resume` to hold the state of a training, but `{path}` is a published one. Give the run's `last.ckpt`.")
    for key, state in checkpoint["callbacks"].items():
        if key.startswith(BestCheckpoint.__name__):
            best_so_far(state, path)
    _check_films(path, checkpoint, dataset)
    _check_settings(path, checkpoint, component)
    component.on_load_checkpoint(checkpoint)
    try:
        component.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise ValueError(f"Expected `resume` to fit `component.module`, but `{path}` does not. Repeat its settings. {error}") from error
    component.has_weights = True


def _check_films(path: str | Path, checkpoint: Mapping[str, Any], dataset: RadiographDataset) -> None:
    """Patients whose films have trained a network must not choose its best epoch."""
    begun_with = checkpoint.get(FilmDataModule.__qualname__)  # a run of an earlier version did not tell
    if begun_with and begun_with[TRAINING_FILMS] != dataset.training_films:
        fault = f"those of `dataset={dataset.name}` are others, or divided otherwise"
        raise ValueError(f"Expected the training and validation films of the run in `{path}`, but {fault}. Repeat its `dataset` options.")


def _check_settings(path: str | Path, checkpoint: Mapping[str, Any], component: Component) -> None:
    now = dict(component.hparams)
    # A setting that came since the run has begun was as its default is now.
    before = {name: its.default for name, its in signature(type(component)).parameters.items()} | checkpoint["hyper_parameters"]
    changed = [key for key in sorted(before.keys() | now.keys()) if key not in MAY_CHANGE and before.get(key) != now.get(key)]
    if changed:
        settings = ", ".join(f"{key}={before.get(key)}" for key in changed)
        raise ValueError(f"Expected the settings of the run in `{path}`, but they were other ones: {settings}. Repeat them to resume it.")
