"""Where metrics go: beginning the loggers of a run."""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

if TYPE_CHECKING:
    from wandb import Run


def ignore_own_folder(folder: Path) -> None:
    """Silence warnings of a folder in which a run's config lies already, and one that Lightning 2.6 owes to torch 2.15.

    Where there are metrics of an earlier run, they are about to be replaced, and that is still told.
    """
    own = [] if (folder / "metrics.csv").exists() else [f"(Checkpoint|Experiment logs) directory {re.escape(str(folder))}"]
    for message in (*own, r"`isinstance\(treespec, LeafSpec\)` is deprecated"):
        warnings.filterwarnings("ignore", message)


def start_loggers(loggers: Sequence[Logger], config: Mapping[str, Any]) -> "Run | None":
    """Begin W&B's run, if there is one, and give the loggers what the run is.

    Args:
        loggers: As from `conf/logger`.
        config: The resolved config, and what identifies the run. `CSVLogger` does not get it: beside its `metrics.csv` lies `config.yaml`.

    Returns:
        W&B's run; None without W&B, and in all processes but the first.

    Raises:
        ValueError: If W&B does not take the run.
    """
    run = next((_begin(each) for each in loggers if isinstance(each, WandbLogger)), None)
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_hyperparams(dict(config))
    return run


@rank_zero_only  # which gives None in the other processes
def _begin(logger: WandbLogger) -> "Run":
    import wandb

    try:
        run: Run = logger.experiment
        return run
    except wandb.Error as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(
            f"Expected Weights & Biases to take this run, but got: {reason}. "
            "Without an account or network keep it here with `logger.wandb.offline=true`, and send it later with `wandb sync`."
        ) from error
