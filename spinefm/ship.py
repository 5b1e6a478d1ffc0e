"""Make trained components small enough to be shipped: `python -m spinefm.ship checkpoints=<folder> output=checkpoints/<dataset>`.

The components are those of the inductive pipeline; `components=[unet]` ships others.

Half precision in a file takes half the space, rounds weights in their fourth digit, and is single precision again when it is loaded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from spinefm.components import COMPONENTS
from spinefm.components.base import COMPONENT_KEY, RUN_KEY, read_checkpoint
from spinefm.components.resnet import FRAMINGS_KEY
from spinefm.components.sam_adapter import FOUNDATION_KEY
from spinefm.conf import CONF
from spinefm.files.shipped_files import OWN, SUMS, WEIGHTS_KEY, find_checkpoint, write_shipped_files
from spinefm.files.weight_files import sha256_of
from spinefm.pipeline import InductivePipeline
from spinefm.running.failures import run_script

ARGUMENTS_KEY = "hyper_parameters"
SOURCE_KEY = "checkpoint_sha256"
"""Names the checkpoint that a shipped file was made of, as evaluations of that one do."""
KEPT = (COMPONENT_KEY, RUN_KEY, FOUNDATION_KEY, FRAMINGS_KEY, SOURCE_KEY, WEIGHTS_KEY)
"""What is shipped beside the arguments. All else concerns the training, and may name folders of the machine it ran on."""


@hydra.main(version_base=None, config_path=CONF, config_name="ship")
def main(config: DictConfig) -> None:
    """Write `<component>.safetensors` of each component in a folder, and `SHA256SUMS`."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    sources = _sources(config.checkpoints, config.components)
    # All are read and right before the first is written.
    written = write_shipped_files(folder, {name: shippable(path, name) for name, path in sources.items()})
    for path in written:
        _say(f"{path.stem}: {path}, {_megabytes(path)}{_hidden(path)}")
    _say(f"Together: {_megabytes(*written)}; SHA-256 in {folder / SUMS}")


def _sources(folder: str, named: Sequence[str] | None) -> dict[str, Path]:
    """The files of the components that are named; without names, of those of the inductive pipeline that there are."""
    if unknown := sorted(set(named or ()) - COMPONENTS.keys()):
        raise ValueError(f"Expected `components` to be some of {', '.join(COMPONENTS)}, but got {', '.join(unknown)}.")
    found = {name: find_checkpoint(folder, name) for name in named or InductivePipeline.components}
    sources = found if named else {name: path for name, path in found.items() if path.is_file()}
    if not sources:
        names = ", ".join(f"{name}{OWN}" for name in found)
        raise FileNotFoundError(f"Expected {names} in `{folder}`, but found none. Give a folder to which `train.py` published.")
    return sources


def shippable(path: Path, component: str) -> dict[str, Any]:
    """What is shipped of a checkpoint.

    Raises:
        FileNotFoundError: If it is not there, or the foundation that it tunes is not.
        ValueError: If it cannot be loaded: what does not work here is not shipped.
    """
    COMPONENTS[component].load(path)
    checkpoint = {SOURCE_KEY: sha256_of(path)} | read_checkpoint(path, component)
    kept = {key: checkpoint[key] for key in KEPT if key in checkpoint}
    return kept | {ARGUMENTS_KEY: _without_folder(checkpoint[ARGUMENTS_KEY])}


def _without_folder(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A foundation that was given as a path keeps its file's name: loading looks for that beside the checkpoint, too."""
    weights = arguments.get("weights")
    return dict(arguments) | ({"weights": Path(weights).name} if weights else {})


def _hidden(path: Path) -> str:
    own = path.with_suffix(OWN)
    return f" (in this folder, {own.name} goes before it)" if own.is_file() else ""


def _megabytes(*paths: Path) -> str:
    return f"{sum(path.stat().st_size for path in paths) / 1e6:.1f} MB"


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    run_script(main)
