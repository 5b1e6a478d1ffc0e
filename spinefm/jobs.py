"""What the entry scripts ask of a multirun: that each job is one run in one folder, and that a finished one is not run twice."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write

ResultT = TypeVar("ResultT")

MEETING = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
"""Environment variables by which the processes of a job find each other; Lightning sets them and leaves them set."""

SCORE = "score.json"
"""What train.py writes when it has finished: `monitor`, `mode` and the best `value`."""

RECORD = "run.json"


def _short_hash(overrides: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(overrides)).encode()).hexdigest()[:6]


# In conf/: a job's folder is named by its options, so that no job of a restarted sweep meets another one's files.
OmegaConf.register_new_resolver("short_hash", _short_hash, replace=True)


def one_job(main: Callable[[DictConfig], ResultT]) -> Callable[[DictConfig], ResultT]:
    """Decorates a Hydra main: `config.output` is the job's folder, and processes that Lightning starts do this job, not the whole sweep."""

    @wraps(main)
    def job(config: DictConfig) -> ResultT:
        config.output = HydraConfig.get().runtime.output_dir
        with _of_its_own():
            return main(config)

    return job


@contextmanager
def _of_its_own() -> Iterator[None]:
    """Lightning makes the command line of its processes from `sys.argv` and `hydra.run.dir`."""
    hydra: Any = HydraConfig.get()
    arguments = sys.argv
    environment = {name: os.environ.get(name) for name in MEETING}
    if hydra.mode == RunMode.MULTIRUN:
        sys.argv = [arguments[0], *job_arguments(arguments[1:], hydra.overrides.task)]
        with read_write(hydra):
            hydra.run.dir = hydra.runtime.output_dir
    try:
        yield
    finally:
        sys.argv = arguments
        if dist.is_initialized():
            dist.destroy_process_group()
        for name, value in environment.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def job_arguments(arguments: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The command line of one job of a sweep.

    Args:
        arguments: The sweep's: flags, and overrides with all their values.
        overrides: The job's.
    """
    flags = [each for each in arguments if each not in ("-m", "--multirun") and (each.startswith("-") or not _is_override(each))]
    return [*flags, *overrides, "hydra.mode=RUN"]


def _is_override(argument: str) -> bool:
    return "=" in argument or argument.startswith("~")


def finished_score(folder: Path, record: Mapping[str, Any]) -> float | None:
    """What a job came to that was run in this folder before; None if there is none, and then nothing of an interrupted one is left.

    Args:
        folder: Of the job.
        record: Of the job, as in `run_record`: config and films have to be the same.

    Raises:
        ValueError: If the folder holds a finished job of another config or other films.
    """
    if not (folder / SCORE).is_file():
        _clear(folder)
        return None
    before = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if any(before[key] != record[key] for key in ("config_hash", "data_fingerprint")):
        remedy = "Name another folder with `hydra.sweep.dir=<folder>`."
        raise ValueError(f"Expected `{folder}` to be this job's, but it holds one of another config or other films. {remedy}")
    value = json.loads((folder / SCORE).read_text(encoding="utf-8"))["value"]
    return float("nan") if value is None else float(value)


def _clear(folder: Path) -> None:
    """Hydra writes `.hydra` and its log before a job begins."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != ".hydra":
            shutil.rmtree(path)
        elif path.is_file() and path.suffix != ".log":
            path.unlink()


class FreshStudy(Callback):
    """Lets a restarted Optuna sweep begin its study anew: the same proposals come again, and finished jobs answer from their folders.

    Hydra's sweeper would add `n_trials` to the old study, and the trial that was interrupted would stay in it.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """See Hydra."""
        import optuna  # in an extra

        sweeper = config.hydra.sweeper
        Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        with suppress(KeyError):  # there is none yet
            optuna.delete_study(sweeper.study_name, sweeper.storage)
