"""The engine against the plain way, same networks and films, in turn: `python measure.py [checkpoints=<folder>] [films=16] ...`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import cv2
import torch
import torch.multiprocessing as mp
from rich.console import Console
from rich.table import Table
from ways import NETWORKS, Engine, Reference, chosen, encoder_work, load, matrix_rate, peak_memory, reset_peak_memory, save_films, simulated

from spinefm.geometry.masks import mask_iou
from spinefm.structures import Spine

DEFAULTS = {
    "checkpoints": "checkpoints/synthetic",
    "films": "16",
    "device": "cpu",
    "precision": "fp32",  # of the engine; bf16 on GPUs
    "processes": "2",  # of one thread each on a CPU; one per GPU
    "rounds": "3",
}
SAME = {"fp32": 0.99, "bf16": 0.95}
"""Least IoU of the same vertebra found in two ways, by the engine's precision; the reference has fp32."""
OWN = ("read", "write")
"""Stages in threads of their own."""


@dataclass
class Outcome:
    """What one process measured of one way.

    Attributes:
        seconds: That passed.
        worked: Seconds of work: on a CPU of all threads of the process, on a GPU those that passed.
        memory: Most that was taken beyond what was held before, GB.
        stages: Seconds by stage.
        items: Calls by stage.
    """

    seconds: float = 0.0
    worked: float = 0.0
    memory: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)


def least_iou(ours: Sequence[Spine], theirs: Sequence[Spine], precision: str) -> float:
    """The least IoU of two ways' vertebrae; no time is worth anything if they differ, or by more than the engine's precision explains."""
    if [len(spine.vertebrae) for spine in ours] != [len(spine.vertebrae) for spine in theirs]:
        raise ValueError("Expected the same vertebrae from both, but their numbers differ.")
    pairs = [pair for a, b in zip(ours, theirs, strict=True) for pair in zip(a.vertebrae, b.vertebrae, strict=True)]
    if not pairs:
        raise ValueError("Expected vertebrae to compare, but neither way found any. Give trained `checkpoints`.")
    least = min(mask_iou(*pair) for pair in pairs)
    if least < SAME[precision]:
        raise ValueError(f"Expected the same vertebrae from both, but the least IoU is {least:.3f}.")
    return least


def measure(rank: int, options: dict[str, str], paths: Sequence[Path], together: Barrier, found: Any) -> None:
    """One process's share of the films, both ways in turn, beginning with the others; the first round warms up."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    device, share = options["device"], paths[rank :: int(options["processes"])]
    ways = {"reference": Reference(load(options | {"precision": "fp32"}), device), "engine": Engine(load(options), device)}
    outcomes, least = {name: Outcome() for name in ways}, 1.0
    for number in range(int(options["rounds"]) + 1):
        spines = {}
        for name, way in ways.items():
            if number == 1:
                way.stages.clear()
            spines[name] = once(way, share, together, outcomes[name] if number else Outcome(), device)
        least = min(least, least_iou(spines["engine"], spines["reference"], options["precision"]))
    for name, way in ways.items():
        outcomes[name].stages, outcomes[name].items = dict(way.stages.seconds), dict(way.stages.items)
    found[rank] = outcomes, least


def once(way: Any, share: Sequence[Path], together: Barrier, outcome: Outcome, device: str) -> list[Spine]:
    """All films of a share, one way; adds to the outcome."""
    clock = process_time if device == "cpu" else perf_counter
    with TemporaryDirectory() as folder:
        together.wait()
        reset_peak_memory(device)
        held, start, worked = peak_memory(device), perf_counter(), clock()
        spines: list[Spine] = way(share, Path(folder))
        outcome.worked += clock() - worked
        together.wait()
        outcome.seconds += perf_counter() - start
        outcome.memory = max(outcome.memory, peak_memory(device) - held)
    return spines


def row(name: str, outcomes: Sequence[Outcome], films: int, rate: float, work: float) -> list[str]:
    """Films per second, seconds of work per film by stage, shares of what is not networks, encodes per film, encoder's rate, memory."""
    stages, items = Counter[str](), Counter[str]()
    for outcome in outcomes:
        stages.update(outcome.stages)
        items.update(outcome.items)
    worked, networks, own = (
        sum(outcome.worked for outcome in outcomes),
        sum(stages[each] for each in NETWORKS),
        sum(stages[each] for each in OWN),
    )
    return [
        name,
        f"{films / max(outcome.seconds for outcome in outcomes):.2f}",
        *(f"{stages[each] / films:.3f}" for each in (*NETWORKS, *OWN)),
        f"{(worked - networks - own) / films:.3f}",
        f"{1 - networks / (worked - own):.0%}",
        f"{1 - networks / worked:.0%}",
        f"{items['sam_adapter'] / films:.1f}",
        f"{work * items['encoder'] / stages['encoder'] / rate:.0%}",
        f"{max(outcome.memory for outcome in outcomes):.2f}",
    ]


COLUMNS = (
    "",
    "films/s",
    *NETWORKS,
    *OWN,
    "rest",
    "rest, without read and write",
    "all but networks",
    "encodes/film",
    "encoder, of matrix rate",
    "memory beyond networks, GB",
)


def main() -> None:
    """Run both in turn in every process, check that they agree, print the table."""
    options = chosen(DEFAULTS)
    processes = int(options["processes"])
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work, rate = encoder_work(load(options)), matrix_rate(options)
    with TemporaryDirectory() as folder, mp.Manager() as manager:
        paths, found = save_films(simulated(int(options["films"])), Path(folder)), manager.dict()
        mp.spawn(measure, (options, paths, mp.get_context("spawn").Barrier(processes), found), nprocs=processes)
        outcomes, least = [each[0] for each in found.values()], min(each[1] for each in found.values())
    table = Table(*COLUMNS, title=f"seconds of work per film; {options}")
    for name in ("reference", "engine"):
        table.add_row(*row(name, [each[name] for each in outcomes], len(paths) * int(options["rounds"]), rate, work))
    console = Console(width=200)
    console.print(table)
    console.print(f"Matrix rate of a core or GPU: {rate / 1e9:.0f} GFLOP/s; an encode: {work / 1e9:.2f} GFLOP.")
    reference, engine = (max(each[name].seconds for each in outcomes) for name in ("reference", "engine"))
    console.print(f"The engine does {reference / engine:.2f} times as many films; the same vertebrae, least IoU {least:.4f}.")


if __name__ == "__main__":
    main()
