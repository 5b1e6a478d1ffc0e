"""Which training made the checkpoints that an evaluation reads, in W&B's terms: artifacts of type `model`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinefm.files.shipped_files import find_checkpoint

if TYPE_CHECKING:
    from wandb import Artifact, Run


def log_model(run: "Run", checkpoint: Path, component: str, origin: Mapping[str, Any]) -> None:
    """Name the checkpoint that a training published as its result; `origin` as from `training_origin`."""
    run.log_artifact(_model(checkpoint, component, origin))


def use_models(run: "Run", folder: str | Path, origins: Mapping[str, Mapping[str, Any]]) -> None:
    """Name the checkpoints that an evaluation reads as what it depends on; `origins` as from `checkpoint_origins`.

    Those that do not know their training are left out.
    """
    for component, origin in origins.items():
        if origin["run_id"] is not None:
            artifact = _model(find_checkpoint(folder, component), component, origin)
            # What `use_artifact` does with a new artifact; but that waits for the server, and refuses to work offline.
            run._log_artifact(artifact, aliases=[], is_user_created=True, use_after_commit=True)


def _model(checkpoint: Path, component: str, origin: Mapping[str, Any]) -> "Artifact":
    """A reference to a checkpoint: W&B gets its digest, not its weights.

    W&B makes one version of what has the same name and content, in which training and evaluation meet.
    """
    import wandb

    artifact = wandb.Artifact(f"{origin['dataset']}-{component}", type="model", metadata=dict(origin))
    artifact.add_reference(checkpoint.resolve().as_uri(), name=f"{component}{checkpoint.suffix}")
    return artifact
