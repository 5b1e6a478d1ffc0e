"""What W&B needs of Hydra: a name for each job, and an end."""

import sys
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

# For conf/: choices that were made, in the name of a run; the first choice that was made.
OmegaConf.register_new_resolver("joined", lambda *parts: "-".join(str(part) for part in parts if part is not None), replace=True)
OmegaConf.register_new_resolver("first", lambda *parts: next((part for part in parts if part is not None), None), replace=True)


class FinishRun(Callback):
    """Ends W&B's run with its job: the next job of a multirun would go on in it."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """See Hydra."""
        run = getattr(sys.modules.get("wandb"), "run", None)
        if run is not None:
            run.finish(exit_code=int(job_return.status != JobStatus.COMPLETED))
