"""The mean of two networks' weights: `python experiments/aasce/mean_weights.py <component> <folder> <folder> <new folder>`.

Each folder holds the component as it was shipped. The second goes on from the first by a training: what its file tells of that, the mean's
tells, too, and of which two files it is made.
"""

import sys
from pathlib import Path

from torch import Tensor

from spinefm.files.shipped_files import SHIPPED, WEIGHTS_KEY, read_shipped_file, write_shipped_files
from spinefm.files.weight_files import sha256_of
from spinefm.ship import SOURCE_KEY

MEAN_KEY = "mean_of_sha256"


def main(component: str, first: str, second: str, folder: str) -> None:
    """Write `<component>.safetensors`, and `SHA256SUMS`."""
    paths = [Path(each) / f"{component}{SHIPPED}" for each in (first, second)]
    before, after = (read_shipped_file(path, f"shipped {component}", "Give two folders that hold one.") for path in paths)
    if (found := before[WEIGHTS_KEY].keys()) != (expected := after[WEIGHTS_KEY].keys()):
        raise ValueError(f"Expected two files of one network, but weights differ: {sorted(found ^ expected)}. Give others.")
    mean = {key: _mean(tensor, after[WEIGHTS_KEY][key]) for key, tensor in before[WEIGHTS_KEY].items()}
    told = {key: value for key, value in after.items() if key != SOURCE_KEY}  # the mean is of no checkpoint
    write_shipped_files(folder, {component: told | {MEAN_KEY: [sha256_of(path) for path in paths], WEIGHTS_KEY: mean}})


def _mean(first: Tensor, second: Tensor) -> Tensor:
    """What is counted, such as batches that were seen, is that of the second."""
    return (first + second) / 2 if second.is_floating_point() else second


if __name__ == "__main__":
    main(*sys.argv[1:])
