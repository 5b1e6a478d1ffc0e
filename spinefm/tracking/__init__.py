"""What Weights & Biases and other loggers are told of runs, beyond what Lightning tells them. docs/tracking.md lists every name."""

from spinefm.tracking.evaluations import TrackedEvaluation
from spinefm.tracking.finish import FinishRun
from spinefm.tracking.lineage import log_model, use_models

__all__ = ["FinishRun", "TrackedEvaluation", "log_model", "use_models"]
