"""How far simulated spines bend, beside real ones: `python experiments/aasce/simulated_curves.py <folder of AASCE> [curve_scale ...]`.

Largest Cobb angle of the training films of AASCE, as its table has it, and of 300 simulated training films from the front.
"""

import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from spinefm.data.datasets.aasce import AasceDataset
from spinefm.data.synthetic.dataset import SyntheticDataset
from spinefm.measurements.spine import measure_spine

QUANTILES = (0.1, 0.5, 0.9)


def main(root: str, scales: Sequence[float]) -> None:
    """Print three quantiles of each."""
    dataset = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"])
    show("AASCE", [film.cobb_angles[0] for film in dataset.sources if film.cobb_angles and dataset.split_of(film) == "train"])
    for scale in scales:
        show(f"simulated, curve_scale={scale}", simulated(scale))


def show(name: str, angles: Sequence[float]) -> None:
    """Degrees, from the least to the greatest quantile."""
    Console().print(f"{name}: {len(angles)} films,", ", ".join(f"{value:.1f}" for value in np.quantile(angles, QUANTILES)), "degrees")


def simulated(scale: float, count: int = 300) -> list[float]:
    """Largest Cobb angle of each film, degrees."""
    films = SyntheticDataset({"train": count}, views=["ap_spine"], curve_scale=scale).split("train")
    tilts = (measure_spine(film.vertebrae, film.view).tilts for film in films)
    return [float(np.ptp(each)) for each in tilts if len(each) > 1]


if __name__ == "__main__":
    main(sys.argv[1], [float(scale) for scale in sys.argv[2:] or ("1", "1.5")])
