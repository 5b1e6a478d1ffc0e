"""Time of the whole of `infer.py`, loading included: `python experiments/aasce/time_infer.py <checkpoints> [times, 5] [film]`.

On one film of 1000 x 2500 px (width x height), the given one resized or else a simulated one from the front, on two threads.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from PIL import Image
from rich.console import Console

from spinefm.data.synthetic.dataset import SyntheticDataset
from spinefm.structures import View

SIZE = (1000, 2500)
INFER = Path(__file__).resolve().parents[2] / "infer.py"


def main(checkpoints: str, times: str = "5", film: str | None = None) -> None:
    """Print the seconds that a process takes from its start to its end."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "film.png")
        (Image.open(film).convert("L") if film else simulated()).resize(SIZE, Image.Resampling.LANCZOS).save(path)
        seconds = [timed(path, checkpoints, Path(folder, str(i))) for i in range(int(times))]
    Console().print(f"{min(seconds):.1f} s at least, {median(seconds):.1f} s median, {max(seconds):.1f} s at most, of {times} times.")


def simulated() -> Image.Image:
    """A film of a whole spine from the front."""
    films = SyntheticDataset({"test": 9}).split("test")
    return Image.fromarray(next(film.pixels for film in films if film.view == View.AP_SPINE))


def timed(film: Path, checkpoints: str, output: Path) -> float:
    """Seconds of one `infer.py`; fails where that does, and says why."""
    command = [sys.executable, str(INFER), f"input={film}", f"checkpoints={checkpoints}", f"output={output}"]
    start = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "2"})
    return perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
