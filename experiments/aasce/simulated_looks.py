"""How simulated vertebrae look beside real ones: `python experiments/aasce/simulated_looks.py <folder of AASCE> [curve_scale]`.

Every vertebra of 100 training films is brought upright, at one size, and to mean 0 and standard deviation 1; then, per region of the
spine: how much brighter a body is than the discs beside it, its wall than its middle, and it than what lies beside the spine.
"""

import sys
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from spinefm.anatomy import levels_between
from spinefm.data.dataset import RadiographDataset
from spinefm.data.datasets.aasce import AasceDataset
from spinefm.data.synthetic.dataset import SyntheticDataset
from spinefm.structures import Radiograph

REGIONS = {f"{first}-{last}": levels_between(first, last) for first, last in (("T1", "T4"), ("T5", "T8"), ("T9", "T12"), ("L1", "L5"))}
FILMS, SIDE, SPACINGS = 100, 96, 2.4
"""How many films; side of an upright patch in pixels, and in spacings of the spine."""


def main(root: str, curve_scale: float) -> None:
    """Print a line for each region, of real films and of simulated ones."""
    simulated = SyntheticDataset({"train": FILMS}, views=["ap_spine"], curve_scale=curve_scale)
    for name, dataset in (("AASCE", AasceDataset(root, landmarks=["T1"], terminals=["T1"])), ("simulated", simulated)):
        patches = list(upright_patches(dataset))
        for region, levels in REGIONS.items():
            disc, wall, beside = contrasts(np.mean([patch for level, patch in patches if level in levels], axis=0))
            Console().print(f"{name}, {region}: body - disc {disc:.2f}, wall - middle {wall:.2f}, body - beside {beside:.2f}")


def upright_patches(dataset: RadiographDataset) -> Iterator[tuple[str | None, NDArray[np.float64]]]:
    """The level and the (SIDE, SIDE) patch of each vertebra of films that are evenly spread over the training films."""
    films = dataset.split("train")
    for index in np.linspace(0, len(films) - 1, FILMS).round().astype(int):
        film = films[int(index)]
        for number, vertebra in enumerate(film.vertebrae):
            yield vertebra.level, upright(film, number)


def upright(film: Radiograph, number: int) -> NDArray[np.float64]:
    """(SIDE, SIDE) around one vertebra, the line through its neighbours upright, mean 0 and standard deviation 1."""
    first, last = max(number - 1, 0), min(number + 1, len(film.vertebrae) - 1)
    down = np.subtract(film.vertebrae[last].centroid, film.vertebrae[first].centroid) / (last - first)
    centre = np.array(film.vertebrae[number].centroid)
    matrix = np.stack([(down[1], -down[0]), down], axis=1) * SPACINGS / SIDE
    affine = np.column_stack([matrix, centre - matrix @ [SIDE / 2, SIDE / 2]])
    patch = cv2.warpAffine(film.pixels, affine, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP).astype(np.float64)
    return np.asarray((patch - patch.mean()) / max(patch.std(), 1.0))


def contrasts(mean: NDArray[np.float64]) -> tuple[float, float, float]:
    """Body less discs, wall less middle, body less what lies beside it, in standard deviations of a patch."""
    body, middle = grey(mean, 0, 0, 0.35, 0.2), grey(mean, 0, 0, 0.15, 0.15)
    discs = [grey(mean, 0, side * 0.5, 0.35, 0.06) for side in (-1, 1)]
    walls = [grey(mean, side * 0.52, 0, 0.06, 0.2) for side in (-1, 1)]
    beside = [grey(mean, side * 1.0, 0, 0.1, 0.2) for side in (-1, 1)]
    return body - float(np.mean(discs)), float(np.mean(walls)) - middle, body - float(np.mean(beside))


def grey(mean: NDArray[np.float64], x: float, y: float, half_width: float, half_height: float) -> float:
    """Mean of a rectangle, all in spacings from the middle."""
    rows, columns = (slice(*_pixels(at, half)) for at, half in ((y, half_height), (x, half_width)))
    return float(mean[rows, columns].mean())


def _pixels(at: float, half: float) -> Sequence[int]:
    return [round(SIDE / 2 + (at + sign * half) * SIDE / SPACINGS) for sign in (-1, 1)]


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.5)
