"""How fast a data set's patches are made, and how much memory its films take: `python measure.py dataset=aasce dataset.root=<folder>`."""

import resource
import sys
import time
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table

from spinefm.conf import CONF
from spinefm.data.cache import CachedFilms
from spinefm.data.dataset import RadiographDataset
from spinefm.data.views import ClassificationView, PatchVariation, SegmentationView, View, class_names
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.patches import PatchRule
from spinefm.prompts import CentrePoint
from spinefm.structures import Radiograph

INPUT_SIZE = 256
NUM_PATCHES = 1000


def read(dataset: RadiographDataset, max_side: int | None) -> tuple[list[Radiograph], float]:
    """Every film of every split, and the seconds that took."""
    start = time.perf_counter()
    films: list[Radiograph] = []
    for split in ("train", "val", "test"):
        cached = CachedFilms(dataset.split(split), max_side, dataset.cache_dir)
        cached.read_all(f"Reading {split} films")
        films += cached[:]
    return films, time.perf_counter() - start


def views(films: Sequence[Radiograph], landmarks: Sequence[str]) -> dict[str, View]:
    """The views that cut patches, as training sees them."""
    return {
        "segmentation": SegmentationView(
            films, True, 0, INPUT_SIZE, PatchRule(3.2), CentrePoint(), 0.1, {}, variation=PatchVariation(20.0)
        ),
        "classification": ClassificationView(films, True, 0, class_names(landmarks), INPUT_SIZE, PatchRule(4.0), {}),
    }


def patches_per_second(view: View) -> float:
    """Of one core, in random order over all films, augmented; process time, so that neighbours on the machine do not count."""
    keys = [ItemKey(0, int(index)) for index in np.random.default_rng(0).integers(0, len(view), NUM_PATCHES)]
    for key in keys[:50]:
        view[key]
    start = time.process_time()
    for key in keys:
        view[key]
    return NUM_PATCHES / (time.process_time() - start)


def main() -> None:
    """Measure at the size of the demo's trainings and at full size; the peak of memory only grows, so the small one comes first."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with initialize_config_dir(CONF, version_base=None):
        dataset = instantiate(compose("check", [*sys.argv[1:], "output=none"]).dataset, _convert_="all")
    table = Table("longest side", "films", "reading, s", "segmentation, patches/s", "classification, patches/s", "peak memory, GB")
    for max_side in (1024, None):
        films, seconds = read(dataset, max_side)
        speeds = [f"{patches_per_second(view):.0f}" for view in views(films, dataset.landmarks).values()]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        table.add_row(str(max_side or "as it is"), str(len(films)), f"{seconds:.1f}", *speeds, f"{peak:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
