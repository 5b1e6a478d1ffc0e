"""Two ways from the files of films to files of results, and where their time goes."""

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image
from reference import DECISIONS, ReferencePipeline, plain_copy, save_full_size
from torch.utils.flop_counter import FlopCounterMode

from spinefm.components import Component, Placement
from spinefm.composition import load_components
from spinefm.conf import CONF
from spinefm.data.reading.film_files import read_film
from spinefm.data.synthetic import SyntheticDataset
from spinefm.export.films import write_spine
from spinefm.pipeline import EitherPolarity, InductivePipeline, film_spines
from spinefm.running.overlapping import read_ahead, work_behind
from spinefm.structures import Radiograph, Spine

NETWORKS = InductivePipeline.components

SIZE = [1900, 1500]


class Stages:
    """Seconds and items by stage; on a CPU seconds of the thread that works, since others share the core."""

    def __init__(self, device: str) -> None:
        self.clock = time.thread_time if device == "cpu" else time.perf_counter
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self.items: dict[str, int] = defaultdict(int)

    def clear(self) -> None:
        """Forget what was measured."""
        self.seconds.clear()
        self.items.clear()

    @contextmanager
    def measured(self, stage: str, items: int = 1, on_gpu: bool = False) -> Iterator[None]:
        """Add the time that the block takes, and a GPU takes for it."""
        self._finish(on_gpu)
        start = self.clock()
        yield
        self._finish(on_gpu)
        self.seconds[stage] += self.clock() - start
        self.items[stage] += items

    def _finish(self, on_gpu: bool) -> None:
        if on_gpu and self.device != "cpu":
            torch.cuda.synchronize()

    def watch(self, stage: str, owner: Any, method: str) -> None:
        """Measure every call of a network's method."""
        original = getattr(owner, method)

        def watched(*arguments: Any, **options: Any) -> Any:
            with self.measured(stage, len(arguments[0]), on_gpu=True):
                return original(*arguments, **options)

        setattr(owner, method, watched)

    def watch_networks(self, components: dict[str, Component]) -> None:
        """Measure the four networks, and of the segmenter's the encoder."""
        for name, component in components.items():
            self.watch(name, component.model, "low_resolution" if name == "sam_adapter" else "forward")
        self.watch("encoder", components["sam_adapter"].model, "encode")


def load(options: dict[str, str]) -> dict[str, Component]:
    """The four components, where and in the precision that the options name; `checkpoints=untrained` is the default recipe's shapes."""
    device = options["device"]
    if options["precision"] == "bf16":
        place = Placement(device, partial(torch.autocast, torch.device(device).type, dtype=torch.bfloat16))
    else:
        place = Placement(device)
    if options["checkpoints"] == "untrained":
        return {name: untrained(name).eval().place(place) for name in NETWORKS}
    return {name: component.place(place) for name, component in load_components(options["checkpoints"], NETWORKS).items()}


def untrained(name: str) -> Component:
    """A component of the default recipe's shape with random weights, which detects something everywhere."""
    certain = ["component.module.score_threshold=0"] if name == "mask_rcnn" else []
    with initialize_config_dir(CONF, version_base=None):
        config = compose("train", [f"component={name}", "dataset=synthetic", *certain])
    component: Component = instantiate(config.component.module, _recursive_=False, _convert_="all")
    return component


def simulated(number: int, size: Sequence[int] = SIZE, views: Sequence[str] = ("lateral_cervical", "lateral_lumbar", "ap_spine")) -> Any:
    """Films that are simulated when they are indexed, the views in turn."""
    count = {"train": 0, "val": 0, "test": number}
    none = {"landmarks": [], "terminals": [], "cache_dir": None}
    return SyntheticDataset(count, seed=0, views=list(views), size=list(size), scale=1.0, **none).split("test")


def save_films(films: Sequence[Radiograph], folder: Path) -> list[Path]:
    """Write films as PNG."""
    paths = []
    for film in films:
        folder.mkdir(exist_ok=True)
        paths.append(folder / f"{film.film_id}.png")
        Image.fromarray(film.pixels).save(paths[-1], compress_level=1)
    return paths


def read(paths: Sequence[Path], stages: Stages) -> Iterator[Radiograph]:
    """The films of files."""
    for path in paths:
        with stages.measured("read"):
            film = Radiograph(path.stem, read_film(path).pixels)
        yield film


class Engine:
    """`pipeline=inductive`, with what `infer.py` does around it."""

    def __init__(self, components: dict[str, Component], device: str, **settings: Any) -> None:
        self.stages, self.pipeline = Stages(device), EitherPolarity(InductivePipeline(**components, **DECISIONS | settings))
        self.stages.watch_networks(components)

    def __call__(self, paths: Sequence[Path], folder: Path) -> list[Spine]:
        """Read ahead, write behind."""

        def write(found: tuple[Radiograph, Spine]) -> Spine:
            with self.stages.measured("write"):
                write_spine(folder, *found)
            return found[1]

        return list(work_behind(write, film_spines(self.pipeline, read_ahead(read(paths, self.stages)))))


class Reference:
    """Film by film, patch by patch; results as full-size maps."""

    def __init__(self, components: dict[str, Component], device: str) -> None:
        self.stages, reference = Stages(device), ReferencePipeline(components)
        self.stages.watch_networks(reference.components)
        self.pipeline = EitherPolarity(reference.pipeline)

    def __call__(self, paths: Sequence[Path], folder: Path) -> list[Spine]:
        """One after the other."""
        spines = []
        for film in read(paths, self.stages):
            spines += self.pipeline([film])
            with self.stages.measured("write"):
                save_full_size(folder, film, spines[-1].vertebrae)
        return spines


def encoder_work(components: dict[str, Component]) -> float:
    """Floating-point operations of one encode, as segment_anything writes them."""
    sam = plain_copy(components["sam_adapter"])
    image = torch.zeros(1, 1, sam.input_size, sam.input_size, device=sam.device)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        sam.model.encode(image)
    return float(counter.get_total_flops())


def matrix_rate(options: dict[str, str], seconds: float = 2.0) -> float:
    """Best rate of products of two large matrices, operations per second: what a core, or a GPU, can do at most."""
    on_cpu = options["device"] == "cpu"
    size, repeats = (2048, 1) if on_cpu else (8192, 20)
    dtype = torch.bfloat16 if options["precision"] == "bf16" else torch.float32
    a, b = (torch.rand(size, size, device=options["device"], dtype=dtype) for _ in range(2))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        stages = Stages(options["device"])
        with stages.measured("products", on_gpu=True):
            for _ in range(repeats):
                a @ b
        best = min(best, stages.seconds["products"] / repeats)
    return 2 * size**3 / best


def reset_peak_memory(device: str) -> None:
    """Let `peak_memory` begin anew."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    elif sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: str) -> float:
    """Of this process, or of the GPU where there is one, since the last reset where that is possible; GB."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 1e9
    if sys.platform == "linux":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9


def chosen(defaults: dict[str, str]) -> dict[str, str]:
    """Defaults and what the command line says."""
    return defaults | dict(argument.split("=", 1) for argument in sys.argv[1:])
