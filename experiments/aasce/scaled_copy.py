"""A smaller copy of AASCE's training and validation films, in the same layout, for a machine to which the whole set does not fit.

`python experiments/aasce/scaled_copy.py <folder of AASCE> <folder to make> [longer side, 1024]`: train there with
`dataset.root=<folder> dataset.splits=<folder>/splits`. The films are those of the split that `dataset=aasce` makes of the
whole set; the test films are left out, so that no training can see them.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from spinefm.data.datasets.aasce import AasceDataset
from spinefm.structures import Split

QUALITY = 90
SPLITS: tuple[Split, ...] = ("train", "val")


def main(source: Path, target: Path, side: int) -> None:
    """Write films, tables and the lists of the split."""
    dataset = AasceDataset(str(source), landmarks=["T1", "L5"], terminals=["T1", "L5"])
    chosen = {film.image.name: split for film in dataset.sources if (split := dataset.split_of(film)) in SPLITS}
    names = [row[0].strip() for row in _rows(source, "filenames") if row]
    kept = [i for i, name in enumerate(names) if name in chosen]
    for table in ("filenames", "landmarks", "angles"):
        rows = _rows(source, table)
        _write(target / "labels" / "training" / f"{table}.csv", [rows[i] for i in kept])
    for name in chosen:
        _shrink(source / "data" / "training" / name, target / "data" / "training" / name, side)
    for split in SPLITS:
        _write(target / "splits" / f"{split}.txt", [[name] for name in chosen if chosen[name] == split])


def _rows(folder: Path, table: str) -> list[list[str]]:
    with (folder / "labels" / "training" / f"{table}.csv").open(newline="", encoding="utf-8-sig") as file:
        return [row for row in csv.reader(file) if row]


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _shrink(source: Path, target: Path, side: int) -> None:
    """A JPEG of at most `side` pixels on its longer side; corners are shares of width and height, and need no change."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as film:
        film.thumbnail((side, side), Image.Resampling.BOX)
        film.convert("L").save(target, quality=QUALITY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1024)
