"""W&B's runs end with Hydra's jobs."""

import sys
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class FinishRun(Callback):
    """Ends W&B's run with its job: the next job of a multirun would go on in it."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """See Hydra."""
        run = getattr(sys.modules.get("wandb"), "run", None)
        if run is not None:
            run.finish(exit_code=int(job_return.status != JobStatus.COMPLETED))
