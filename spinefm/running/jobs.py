"""The jobs of a multirun: each is one run in one folder, and none is run twice."""

import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, read_write

from spinefm.files.atomic import write_json
from spinefm.running.failures import QUIET, failure_kept, forget_failures, unknown_option
from spinefm.running.resolvers import short_hash

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

RECORD, SCORE = "run.json", "score.json"
"""What train.py writes when it begins, see `run_record`, and when it has finished: `monitor`, `mode` and the best `value`, or null."""

CONFIG = "config.yaml"
"""The resolved config of a training."""

BEST = "best.ckpt"
"""The best network of a training."""

PRETRAINED = "pretrained_sha256"
"""Under which a record says which checkpoint a training has begun with, where it did with one."""

OVERRIDES = "overrides"
"""Under which the record of an evaluation says what it was given: Hydra replaces its own note even if the next one in the folder fails."""

OF_A_TRAINING = (RECORD, CONFIG, "metrics.csv", "hparams.yaml", "*.ckpt", "events.out.*", "wandb")
"""What else a training may leave in its folder when it is interrupted."""


def one_job(main: Callable[[DictConfig], ResultT]) -> Callable[[DictConfig], ResultT]:
    """Decorates a Hydra main: `config.output` is its folder, in which a job of a multirun is alone, and which is in the name W&B lists.

    See `check_read` for what is refused.
    """

    @wraps(main)
    def job(config: DictConfig) -> ResultT:
        check_read()
        folder = Path(HydraConfig.get().runtime.output_dir)
        config.output = str(folder)
        if not in_multirun():
            return main(config)
        if "tracking" in config:
            config.tracking.name = f"{config.tracking.name}-{folder.name}"
        with _alone(folder), failure_kept(folder):  # in this order: the folder of a job that is refused is another multirun's
            return main(config)

    return job


def check_read() -> None:
    """Make sure that what was added to the options of a script, as `+name=...`, is a choice of a group: no other name is read.

    Raises:
        ValueError: If it is not. Further down a component, the data set or Lightning may take it.
    """
    hydra = HydraConfig.get()
    added = (override[1:].partition("=")[0] for override in hydra.overrides.task if override.startswith("+"))
    for name in added:
        if not name.startswith("+") and "." not in name and name not in hydra.runtime.choices:
            raise ValueError(unknown_option(name))


def in_multirun() -> bool:
    """Whether this process runs the jobs of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else works in a job's folder: what an interrupted sweep left running, or the same sweep started twice."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise ValueError(
            "Expected one process to start a sweep, but torchrun started several. Leave it out: `trainer=ddp` starts them for each job."
        )
    lock = _locked(folder)
    try:
        yield
    finally:
        os.close(lock)


def _locked(folder: Path) -> int:
    """A descriptor: until it is closed, or this process ends, however it does, nobody else locks the folder."""
    lock = os.open(folder / ".lock", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ValueError(f"Expected nobody else at work in `{folder}`, but another process is. Wait for it, or end it.") from error
    return lock


def is_for_several(config: DictConfig) -> bool:
    """Whether this is a multirun's job of several processes: see `run_apart`."""
    return in_multirun() and (config.trainer.devices != 1 or config.trainer.num_nodes != 1)


def run_apart(script: str, *overrides: str) -> float | None:
    """Run the job in a process of its own, which starts the others.

    Lightning would let them begin the whole sweep, and ends the process that started them if one of them fails.

    Args:
        script: Path of the main's file.
        overrides: What the process is told besides the job's options.

    Returns:
        The score of a training.

    Raises:
        ValueError: If it failed.
    """
    hydra = HydraConfig.get()
    folder, sources = Path(hydra.runtime.output_dir), {source.provider: source.path for source in hydra.runtime.config_sources}
    flags = ["--config-path", sources["main"], "--config-name", str(hydra.job.config_name)]
    flags += ["--config-dir", sources["command-line"]] if "command-line" in sources else []
    own = [*hydra.overrides.task, *overrides, f'hydra.run.dir="{folder}"', "hydra.mode=RUN"]
    environment = {name: value for name, value in os.environ.items() if name not in (QUIET, "HYDRA_FULL_ERROR")}
    if subprocess.run([sys.executable, str(Path(script).resolve()), *flags, *own], env=environment, check=False).returncode:
        raise ValueError(f"The job in `{folder}` failed; what it said stands above.")
    return _value(folder) if (folder / SCORE).is_file() else None


def finished_score(folder: Path, record: Mapping[str, Any]) -> float | None:
    """What a job of this sweep came to that was run before, if it had the same config, films and network to begin with; None if not.

    What an interrupted one left in the folder is removed. An answer from another job's folder is written down in this one, and its
    best network lies in both.

    Args:
        folder: Of the job.
        record: Of the job, see `run_record`.

    Raises:
        ValueError: If the folder holds a finished job of other ones, or if the job diverged.
    """
    if (folder / SCORE).is_file():
        if not _is_same(folder, record):
            remedy = "Name another folder with `hydra.sweep.dir=<folder>`."
            raise ValueError(f"Expected `{folder}` to be this job's, but it holds one of another config or other films. {remedy}")
        _tell_changes(folder, record)
        return _value(folder)
    _clear(folder)
    others = (path.parent for path in sorted(folder.parent.glob(f"*/{SCORE}")))
    same = next((path for path in others if _is_same(path, record)), None)
    if same is None:
        return None
    _tell_changes(same, record)
    _take_over(same, folder)
    return _value(folder)


def _take_over(same: Path, folder: Path) -> None:
    """Give a job the answer of another one, its best network included; the score comes last, since with it a job has finished."""
    _copy_json(same / RECORD, folder / RECORD)
    if (best := same / BEST).is_file():
        try:
            (folder / BEST).hardlink_to(best)
        except OSError:  # some file systems have no links
            shutil.copyfile(best, folder / BEST)
    _copy_json(same / SCORE, folder / SCORE)


def _copy_json(source: Path, target: Path) -> None:
    write_json(target, json.loads(source.read_text(encoding="utf-8")))


def _record_of(folder: Path) -> dict[str, Any]:
    """What a job wrote down of itself; nothing where that cannot be read."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record


def _is_same(folder: Path, record: Mapping[str, Any]) -> bool:
    before = _record_of(folder)
    return all(before.get(key) == record.get(key) for key in ("config_hash", "data_fingerprint", PRETRAINED))


def _tell_changes(folder: Path, record: Mapping[str, Any]) -> None:
    """Warn where an answer is of other code: that is no other job, but perhaps another result."""
    before = _record_of(folder)
    if changed := [key for key in ("git_commit", "versions") if before.get(key) != record.get(key)]:
        log.warning("`%s` was run with another %s; delete it to run it again.", folder, " and other ".join(changed))


def _value(folder: Path) -> float:
    score = json.loads((folder / SCORE).read_text(encoding="utf-8"))
    return check_score(score["value"], score["monitor"])


def check_score(value: float | None, monitor: str) -> float:
    """A finite score, as sweepers need it.

    Raises:
        ValueError: If there is none.
    """
    if value is None:
        raise ValueError(f"Expected `{monitor}` to become a finite number, but it never did. Lower `component.module.optimizer.lr`.")
    return float(value)


def _clear(folder: Path) -> None:
    """Nothing of anybody else's."""
    if (folder / RECORD).is_file():
        for path in [path for pattern in OF_A_TRAINING for path in folder.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


class FreshFailures(Callback):
    """Lets a multirun end with the jobs of its own that failed, and none of an earlier one in its folder."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """See Hydra."""
        forget_failures(Path(config.hydra.sweep.dir))


class FolderByOptions(FreshFailures):
    """Adds a hash of a sweep's options to its folder, unless the folder was named: other options are another sweep.

    The folder is locked for as long as the sweep runs: whoever started it a second time would begin its study anew, and do its jobs.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """See Hydra."""
        given = config.hydra.overrides.hydra
        if not any(override.startswith("hydra.sweep.dir=") for override in given):
            with read_write(config):
                config.hydra.sweep.dir = f"{config.hydra.sweep.dir}-{short_hash(config.hydra.overrides.task)}"
                # Jobs are composed anew, of these and of their own options.
                given.append(f'hydra.sweep.dir="{config.hydra.sweep.dir}"')
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.lock = _locked(folder)  # where the sweep fails, until the process ends; a number, for launchers pickle callbacks
        except ValueError as error:
            sys.exit(f"Error: {error}")  # of another exception Hydra would make a warning, and go on
        super().on_multirun_start(config, **kwargs)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """See Hydra."""
        os.close(self.lock)


class FreshStudy(Callback):
    """Lets a restarted Optuna sweep begin its study anew: the same proposals come again, and finished jobs answer from their folders.

    Hydra's sweeper would add `n_trials` to the old study, and the trial that was interrupted would stay in it.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """See Hydra."""
        import optuna  # in an extra

        sweeper = config.hydra.sweeper
        with suppress(KeyError):  # there is none yet
            optuna.delete_study(sweeper.study_name, sweeper.storage)
