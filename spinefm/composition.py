"""Where trained components become a pipeline."""

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from spinefm.components import COMPONENTS, Component, Placement
from spinefm.files.shipped_files import OWN, SHIPPED, find_checkpoint
from spinefm.options import check_options
from spinefm.pipeline import EitherPolarity, SpinePipeline, WithoutBorders

log = logging.getLogger(__name__)

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def load_pipeline(pipeline: "partial[SpinePipeline]", checkpoints: str | Path, placement: Placement | None = None) -> SpinePipeline:
    """Load the components that a pipeline needs and put them into it; films may have borders, and dark bone, unless it says otherwise.

    Args:
        pipeline: A pipeline's class with its settings; its `components` names what it is made of.
        checkpoints: Folder with one of each; see `find_checkpoint`.
        placement: Where and how the networks run; None is the CPU.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: If a checkpoint is unreadable or another component's, or see `compose_pipeline`.
    """
    kind: Any = pipeline.func
    return compose_pipeline(pipeline, load_components(checkpoints, kind.components), placement)


def compose_pipeline(
    pipeline: "partial[SpinePipeline]", components: Mapping[str, Component], placement: Placement | None = None
) -> SpinePipeline:
    """The same of components that are loaded already, by name; they are moved to where they are to run.

    Raises:
        ValueError: If a setting is none of the pipeline's, of another type, or out of its range.
    """
    kind: Any = pipeline.func
    check_options(kind, pipeline.keywords)
    where = placement or Placement()
    built = pipeline(**{name: component.place(where) for name, component in components.items()})
    return EitherPolarity(WithoutBorders(built)) if kind.any_film else built


def load_components(checkpoints: str | Path, names: Iterable[str]) -> dict[str, Component]:
    """Load components, on the CPU; the log says where some of one's own training go before, or together with, shipped ones.

    Raises:
        FileNotFoundError: If the folder or a checkpoint is missing.
        ValueError: If a checkpoint is unreadable or another component's.
    """
    if not Path(str(checkpoints)).is_dir():
        remedy = "Check the path, or train them with `python train.py component=<name> dataset=<name>`; `checkpoints/aasce` is shipped."
        raise FileNotFoundError(f"Expected `{checkpoints}` to be a folder of trained components, but there is none. {remedy}")
    paths = {name: find_checkpoint(checkpoints, name) for name in names}
    loaded = {name: COMPONENTS[name].load(path) for name, path in paths.items()}
    own, shipped = (", ".join(path.name for path in paths.values() if path.suffix == suffix) for suffix in (OWN, SHIPPED))
    if own and any(path.with_suffix(SHIPPED).is_file() for path in paths.values()):
        told = "From `%s` come %s of your own training, which goes before what is shipped, and as shipped %s."
        log.warning(told, checkpoints, own, shipped or "nothing")
    return loaded


def trained_views(components: Iterable[Component]) -> list[list[str] | None]:
    """Views of the films on which each component was trained; None where its checkpoint did not tell."""
    return [(component.run or {}).get("views") for component in components]


def known_reader(reader: object, components: Iterable[Component]) -> str | None:
    """The name of a reader whom one of the components has learnt to tell apart; None where nobody is named.

    Raises:
        ValueError: If nobody has.
    """
    if reader is None:
        return None
    known = dict.fromkeys(name for component in components for name in component.readers)
    if str(reader) not in known:  # a name of digits alone arrives as a number from a command line
        told = f"one of {', '.join(known)}" if known else "left out, as these networks tell no readers apart"
        remedy = "See `dataset.readers` of `python train.py component=sam_adapter`, and `reader` in films.csv."
        raise ValueError(f"Expected `reader` to be {told}, but got `{reader}`. {remedy}")
    return str(reader)


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
