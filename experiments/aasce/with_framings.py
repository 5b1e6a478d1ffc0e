"""Teach a shipped classifier how films are framed: `python experiments/aasce/with_framings.py <folder of AASCE> <folder> <new folder>`.

A training does so by itself. This is for classifiers that were trained before there was anything to learn of it; their weights stay.
"""

import sys
from pathlib import Path
from typing import Any

from spinefm.components.resnet import FRAMINGS_KEY, ResNetComponent
from spinefm.data.datasets.aasce import CAMPAIGNS, AasceDataset
from spinefm.files.shipped_files import SHIPPED, read_shipped_file, write_shipped_files
from spinefm.geometry.framing import learnt_framings

ENDS = ("T1", "L5")


def main(root: str, folder: str, new: str) -> None:
    """Write `resnet.safetensors`, and `SHA256SUMS`."""
    name = ResNetComponent.name
    films = AasceDataset(root, landmarks=ENDS, terminals=ENDS, readers=CAMPAIGNS).split("train")
    known = {reader: framing.known.tolist() for reader, framing in learnt_framings(films, ENDS).items()}
    before: dict[str, Any] = read_shipped_file(Path(folder) / f"{name}{SHIPPED}", f"shipped {name}", "Give a folder that holds one.")
    write_shipped_files(new, {name: before | {FRAMINGS_KEY: known}})


if __name__ == "__main__":
    main(*sys.argv[1:])
