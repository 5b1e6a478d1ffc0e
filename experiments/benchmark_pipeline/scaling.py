"""The engine as films and vertebrae grow in number: `python scaling.py [checkpoints=<folder>] [films=16,64,256] [steps=1,3,7] ...`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from rich.console import Console
from rich.table import Table
from ways import Engine, chosen, load, peak_memory, reset_peak_memory, save_films, simulated

AP_SIZE = [1900, 800]
"""Of AP films, pixels: the whole spine fills them."""
DEFAULTS = {
    "checkpoints": "checkpoints/synthetic",
    "device": "cpu",
    "precision": "fp32",
    "films": "16,64,256",
    "steps": "1,3,5,7",  # of each walk, so that films of one kind have 5 to 17 vertebrae
}


def measure(options: dict[str, str], paths: list[Path], **settings: int) -> list[str]:
    """Films, vertebrae per film, seconds per film, seconds per vertebra, peak memory."""
    engine = Engine(load(options), options["device"], **settings)
    with TemporaryDirectory() as folder:
        engine(paths[:4], Path(folder))  # warms up
        reset_peak_memory(options["device"])
        start = perf_counter()
        spines = engine(paths, Path(folder))
        seconds = perf_counter() - start
    found = sum(len(spine.vertebrae) for spine in spines)
    memory = peak_memory(options["device"])
    return [str(len(paths)), f"{found / len(paths):.1f}", f"{seconds / len(paths):.4f}", f"{seconds / max(found, 1):.4f}", f"{memory:.2f}"]


def main() -> None:
    """Print both tables."""
    options = chosen(DEFAULTS)
    torch.set_num_threads(1)
    numbers = [int(number) for number in options["films"].split(",")]
    columns = ("films", "vertebrae/film", "seconds/film", "seconds/vertebra", "peak memory, GB")
    with TemporaryDirectory() as folder:
        paths = save_films(simulated(max(numbers)), Path(folder))
        growing = Table(*columns, title=f"more films; {options}")
        for number in numbers:
            growing.add_row(*measure(options, paths[:number]))
    with TemporaryDirectory() as folder:
        paths = save_films(simulated(min(numbers), AP_SIZE, views=["ap_spine"]), Path(folder))
        longer = Table("steps", *columns, title="more vertebrae, AP films")
        for steps in options["steps"].split(","):
            longer.add_row(steps, *measure(options, paths, max_steps=int(steps)))
    Console(width=140).print(growing, longer)


if __name__ == "__main__":
    main()
