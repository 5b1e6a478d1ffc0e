"""The engine against the plain way, same networks and films, in turn: `python measure.py [checkpoints=<folder>] [films=8] ...`."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from reference import ReferencePipeline, save_full_size
from rich.console import Console
from rich.table import Table

from spinefm.components import COMPONENTS, Component
from spinefm.data.synthetic import SyntheticDataset
from spinefm.export import write_spine
from spinefm.geometry import mask_iou
from spinefm.overlapping import work_behind
from spinefm.pipeline import InductivePipeline, film_spines
from spinefm.structures import Radiograph, Spine

OPTIONS = {"checkpoints": "checkpoints/synthetic", "films": "8", "device": "cpu", "threads": "2", "rounds": "3"}
SIZE = [1900, 1500]
Run = Callable[[Sequence[Radiograph], Path, "Stages"], list[Spine]]
Way = tuple[Run, "Stages"]


class Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)

    @contextmanager
    def measured(self, stage: str, count: int = 1) -> Iterator[None]:
        """Add the time that the block takes."""
        start = time.perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds[stage] += time.perf_counter() - start
        self.calls[stage] += count

    def watch(self, component: Component) -> None:
        """Measure a component's network."""
        method = "low_resolution" if component.name == "sam_adapter" else "forward"
        original = getattr(component.model, method)

        def watched(*arguments: Any, **options: Any) -> Any:
            with self.measured(component.name, len(arguments[0])):
                return original(*arguments, **options)

        setattr(component.model, method, watched)


def watched(components: dict[str, Component]) -> Stages:
    """Stages that the networks of these components fill."""
    stages = Stages()
    for component in components.values():
        stages.watch(component)
    return stages


def load(folder: str, device: str) -> dict[str, Component]:
    """The four components."""
    return {name: component.load(Path(folder) / f"{name}.ckpt").to(device) for name, component in COMPONENTS.items()}


def run_engine(pipeline: InductivePipeline, films: Sequence[Radiograph], folder: Path, stages: Stages) -> list[Spine]:
    """All films, written behind the networks as `infer.py` does."""

    def write(found: tuple[Radiograph, Spine]) -> Spine:
        with stages.measured("write"):
            write_spine(folder, *found)
        return found[1]

    return list(work_behind(write, film_spines(pipeline, films), number=4))


def run_reference(pipeline: ReferencePipeline, films: Sequence[Radiograph], folder: Path, stages: Stages) -> list[Spine]:
    """All films, written as full-size maps."""
    spines = []
    for film in films:
        spines.append(pipeline(film))
        with stages.measured("write"):
            save_full_size(folder, film, spines[-1].vertebrae)
    return spines


def check_same(ours: Sequence[Spine], theirs: Sequence[Spine]) -> float:
    """The least IoU of two spines' vertebrae; no time is worth anything before this."""
    if [len(spine.vertebrae) for spine in ours] != [len(spine.vertebrae) for spine in theirs]:
        raise ValueError("Expected the same vertebrae from both, but their numbers differ.")
    pairs = (pair for a, b in zip(ours, theirs, strict=True) for pair in zip(a.vertebrae, b.vertebrae, strict=True))
    least = min(mask_iou(*pair) for pair in pairs)
    if least < 0.99:
        raise ValueError(f"Expected the same vertebrae from both, but the least IoU is {least:.3f}.")
    return least


def row(name: str, seconds: float, films: int, stages: Stages) -> list[str]:
    """Films per second, seconds per film in each network, in everything else but writing, and in writing, and encodes per film.

    The engine writes in a thread of its own, so that its parts may add up to more than the time that passes.
    """
    networks = [stages.seconds[each] for each in COMPONENTS]
    written = stages.seconds["write"] if name == "reference" else 0.0
    parts = [*networks, seconds - sum(networks) - written, stages.seconds["write"]]
    return [name, f"{films / seconds:.2f}", *(f"{part / films:.3f}" for part in parts), f"{stages.calls['sam_adapter'] / films:.1f}"]


def main() -> None:
    """Run both in turn, check that they agree, print the table."""
    options = OPTIONS | dict(argument.split("=", 1) for argument in sys.argv[1:])
    torch.set_num_threads(int(options["threads"]))
    films = simulated(int(options["films"]))
    components = load(options["checkpoints"], options["device"])
    reference = ReferencePipeline(components)
    ways: dict[str, Way] = {
        "reference": (partial(run_reference, reference), watched(reference.components)),
        "engine": (partial(run_engine, InductivePipeline(**components)), watched(components)),
    }
    seconds = dict.fromkeys(ways, 0.0)
    for counted in [False, *[True] * int(options["rounds"])]:
        spines = {name: timed(run, stages, films, seconds, name, counted) for name, (run, stages) in ways.items()}
        least = check_same(spines["engine"], spines["reference"])
    count = len(films) * int(options["rounds"])
    title = f"seconds per film; {options['device']}, {options['threads']} threads"
    table = Table("", "films/s", *COMPONENTS, "rest", "write", "encodes/film", title=title)
    for name, (_, stages) in ways.items():
        table.add_row(*row(name, seconds[name], count, stages))
    Console().print(table)
    ratio = seconds["reference"] / seconds["engine"]
    Console().print(f"The engine does {ratio:.2f} times as many films; the same vertebrae, least IoU {least:.4f}. {sys.argv}")


def simulated(number: int) -> list[Radiograph]:
    """Films of 1500 x 1900 px, lateral cervical, lateral lumbar and AP in turn."""
    count = {"train": 0, "val": 0, "test": number}
    views = ["lateral_cervical", "lateral_lumbar", "ap_spine"]
    return list(
        SyntheticDataset(count, seed=0, views=views, size=SIZE, scale=1.0, landmarks=[], terminals=[], cache_dir=None).split("test")
    )


def timed(run: Run, stages: Stages, films: Sequence[Radiograph], seconds: dict[str, float], name: str, counted: bool) -> list[Spine]:
    """Run one way over all films; only counted rounds go into the sums, the first one warms up."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        spines = run(films, Path(folder), stages)
        if counted:
            seconds[name] += time.perf_counter() - start
        else:
            stages.seconds.clear()
            stages.calls.clear()
    return spines


if __name__ == "__main__":
    main()
