"""Where trained components become a pipeline."""

from functools import partial
from pathlib import Path
from typing import Any

from spinefm.components import COMPONENTS, Placement
from spinefm.pipeline import EitherPolarity, SpinePipeline

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def load_pipeline(pipeline: "partial[SpinePipeline]", checkpoints: str | Path, placement: Placement | None = None) -> SpinePipeline:
    """Load the components that a pipeline needs and put them into it; films may have bright bone or dark, unless it says otherwise.

    Args:
        pipeline: A pipeline's class with its settings; its `components` names what it is made of.
        checkpoints: Folder with one `<component>.ckpt` each.
        placement: Where and how the networks run; None is the CPU.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: If a checkpoint is unreadable or another component's.
    """
    kind: Any = pipeline.func
    where = placement or Placement()
    loaded = {name: COMPONENTS[name].load(Path(checkpoints) / f"{name}.ckpt").place(where) for name in kind.components}
    built = pipeline(**loaded)
    return EitherPolarity(built) if kind.either_polarity else built


def placement(fabric: Any, precision: str, compiler: str | None, channels_last: bool) -> Placement:
    """Where and how the networks of a pipeline run.

    Args:
        fabric: Lightning's, made of the options of `trainer=`.
        precision: Which of them it was made with.
        compiler: See `Placement`.
        channels_last: Likewise.

    Raises:
        ValueError: If the precision is not for a pipeline: weights stay in fp32.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"Expected `trainer.precision` to be one of {list(PRECISIONS)}, but got `{precision}`.")
    return Placement(fabric.device, fabric.autocast, compiler, channels_last)
