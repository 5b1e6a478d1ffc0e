"""Weights from elsewhere: `python -m spinefm.weights list`, `fetch`, `verify`, `import`, `convert-original` and `export-original`.

The first four keep the store of foundation weights, see `conf/weights.yaml`; the last two translate the files of the original SpineFM.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table
from torch import Tensor

from spinefm.components import COMPONENTS, Component
from spinefm.components.base import read_checkpoint
from spinefm.conf import CONF
from spinefm.files.shipped_files import find_checkpoint
from spinefm.files.torch_files import write_torch_file
from spinefm.files.weight_files import WeightFile, catalogue, fetch, find, import_file, locate, store_folder, verify, weight_file
from spinefm.original import FILES as ORIGINAL_FILES
from spinefm.original import UNUSED_KEY, export_original, find_original, import_original, original_file, read_original
from spinefm.running.failures import run_script

SOME_NAMES = {"names": {"nargs": "+", "metavar": "name", "help": "as `list` shows it"}}
ANY_NAMES = {"names": {"nargs": "*", "metavar": "name", "help": "as `list` shows it; everything that is there if none is given"}}
ORIGINAL_DATASETS = ("csxa", "nhanes2")
ORIGINAL = {
    "folder": {"help": "where the files are"},
    "overrides": {"nargs": "+", "metavar": "dataset=csxa|nhanes2", "help": "the data set, and any option of train.py"},
    "--output": {"help": "folder of the results"},
}
FILES = {"files": {"nargs": "+", "metavar": "file", "help": "a file of weights that was brought from elsewhere"}}


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        run: Does it; the docstring is the command's help.
        arguments: By their names or flags, what `ArgumentParser.add_argument` takes.
    """

    run: Callable[[Namespace], None]
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one subcommand; `arguments` are those of the command line unless they are given."""
    parser = ArgumentParser("python -m spinefm.weights", description="Foundation weights and the files of the original SpineFM.")
    parsers = parser.add_subparsers(required=True, metavar="command")
    for name, command in COMMANDS.items():
        subparser = parsers.add_parser(name, help=command.run.__doc__, description=command.run.__doc__)
        subparser.set_defaults(run=command.run)
        for argument, settings in command.arguments.items():
            subparser.add_argument(argument, **settings)
    options = parser.parse_args(arguments)
    options.run(options)


def list_files(options: Namespace) -> None:
    """Show which weights are known, and where they are."""
    table = Table("name", "file", title="Foundation weights")
    table.add_column("size", justify="right")
    table.add_column("licence")
    table.add_column("in store?")
    for file in catalogue().values():
        table.add_row(file.name, file.file, f"{file.size / 1e6:,.0f} MB", file.licence, _place(file))
    Console().print(table)
    _say(f"Store: {store_folder()}")


def _place(file: WeightFile) -> str:
    path = find(file)
    if path is None:
        return "no"
    return "yes" if path == file.stored else "package"


def fetch_files(options: Namespace) -> None:
    """Download weights into the store, and verify them."""
    # All names are looked up before the first gigabyte comes.
    for file in [weight_file(name) for name in options.names]:
        _say(f"{file.name}: {fetch(file.name, progress=True)}")


def verify_files(options: Namespace) -> None:
    """Check the size and the SHA-256 of weights; fails if one is wrong or missing."""
    files = [weight_file(name) for name in options.names] or [file for file in catalogue().values() if find(file)]
    faults = [fault for file in files if (fault := _fault(file))]
    if faults:
        raise ValueError("\n  ".join([f"{len(faults)} of {len(files)} weights are wrong or missing:", *faults]))
    if not files:
        _say(f"No weights yet in {store_folder()}")


def _fault(file: WeightFile) -> str | None:
    try:
        path = locate(file.name)
        verify(file, path)
    except (OSError, ValueError) as error:
        return str(error)
    _say(f"{file.name}: right, {path}")
    return None


def import_files(options: Namespace) -> None:
    """Copy weights that were brought from elsewhere into the store; they are recognised by their SHA-256."""
    for path in options.files:
        file = import_file(path)
        _say(f"{file.name}: {file.stored}")


def convert_original(options: Namespace) -> None:
    """Turn the four files of the original SpineFM into checkpoints of our components; an epoch or optimizer in them is left out."""
    folder, dataset = Path(options.folder), _dataset(options.overrides)
    _import_foundations(folder)
    found = {name: find_original(folder, name, dataset) for name in ORIGINAL_FILES}
    checkpoints = {name: _converted(name, path, dataset, options.overrides) for name, path in found.items()}
    # All four are read and right before the first is written.
    for name, checkpoint in checkpoints.items():
        path = Path(options.output or f"checkpoints/original_{dataset}") / f"{name}.ckpt"
        write_torch_file(path, checkpoint)
        _say(f"{found[name].name}: {path}, {_tensors(checkpoint['state_dict'])}; without use here: {_tensors(checkpoint[UNUSED_KEY])}")


def _converted(name: str, path: Path, dataset: str, overrides: Sequence[str]) -> dict[str, Any]:
    return import_original(_original_component(name, dataset, overrides), read_original(path, name), path)


def _tensors(state: Mapping[str, Tensor]) -> str:
    return f"{len(state)} tensors" if state else "nothing"


def _dataset(overrides: Sequence[str]) -> str:
    names = [override.removeprefix("dataset=") for override in overrides if override.startswith("dataset=")]
    if len(names) != 1 or names[0] not in ORIGINAL_DATASETS:
        raise ValueError(f"Expected one of {', '.join(f'dataset={name}' for name in ORIGINAL_DATASETS)}, but got {names or 'none'}.")
    return names[0]


def _import_foundations(folder: Path) -> None:
    """Take foundation weights that lie beside the original's files into the store."""
    for file in catalogue().values():
        if (folder / file.file).is_file() and find(file) is None:
            _say(f"{file.name}: {import_file(folder / file.file).stored}")


def _original_component(name: str, dataset: str, overrides: Sequence[str]) -> Component:
    """The component in the original's shape, as `experiment=paper/<dataset>/<component>` trains it."""
    with initialize_config_dir(CONF, version_base=None):
        own = [override for override in overrides if _is_for(name, override)]
        config = compose("train", [f"component={name}", f"experiment=paper/{dataset}/{name}", *own])
    component: Component = instantiate(config.component.module, _recursive_=False, _convert_="all")
    return component


def _is_for(name: str, override: str) -> bool:
    """Whether an override is for a component, which would refuse what only others know; one that none knows is for all to refuse."""
    option = override.lstrip("+").partition("=")[0].removeprefix("component.module.").partition(".")[0]
    known = {each: {*signature(COMPONENTS[each]).parameters} for each in ORIGINAL_FILES}
    owners = ["sam_adapter"] if option == "foundation" else [each for each, options in known.items() if option in options]
    return name in owners or not owners


def export_to_original(options: Namespace) -> None:
    """Turn checkpoints of our four components into files that the original SpineFM reads."""
    dataset, output = _dataset(options.overrides), Path(options.output or "original")
    contents = {name: _exported(name, find_checkpoint(options.folder, name), dataset, options.overrides) for name in ORIGINAL_FILES}
    for name, content in contents.items():
        path = output / original_file(name, dataset, content)
        write_torch_file(path, content)
        _say(f"{name}: {path}")


def _exported(name: str, path: Path, dataset: str, overrides: Sequence[str]) -> dict[str, Any]:
    unused = read_checkpoint(path, name).get(UNUSED_KEY, {})
    return export_original(COMPONENTS[name].load(path), _original_component(name, dataset, overrides), unused)


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


COMMANDS = {
    "list": Command(list_files),
    "fetch": Command(fetch_files, SOME_NAMES),
    "verify": Command(verify_files, ANY_NAMES),
    "import": Command(import_files, FILES),
    "convert-original": Command(convert_original, ORIGINAL),
    "export-original": Command(export_to_original, ORIGINAL),
}


if __name__ == "__main__":
    run_script(main)
