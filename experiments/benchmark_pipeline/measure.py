"""The engine against the plain way, same networks and films, in turn: `python measure.py [checkpoints=<folder>] [films=16] ...`."""

from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
import torch.multiprocessing as mp
from rich.console import Console
from rich.table import Table
from ways import Engine, Reference, Stages, chosen, encoder_work, load, matrix_rate, peak_memory, reset_peak_memory, save_films, simulated

from spinefm.components import COMPONENTS
from spinefm.geometry import mask_iou
from spinefm.structures import Spine

DEFAULTS = {
    "checkpoints": "checkpoints/synthetic",
    "films": "16",
    "device": "cpu",
    "precision": "fp32",  # of the engine; bf16 on GPUs
    "processes": "2",
    "threads": "1",  # of each process
    "rounds": "3",
}


def least_iou(ours: Sequence[Spine], theirs: Sequence[Spine], bound: float) -> float:
    """The least IoU of two spines' vertebrae; no time is worth anything if it is below the bound."""
    if [len(spine.vertebrae) for spine in ours] != [len(spine.vertebrae) for spine in theirs]:
        raise ValueError("Expected the same vertebrae from both, but their numbers differ.")
    pairs = (pair for a, b in zip(ours, theirs, strict=True) for pair in zip(a.vertebrae, b.vertebrae, strict=True))
    least = min(mask_iou(*pair) for pair in pairs)
    if least < bound:
        raise ValueError(f"Expected the same vertebrae from both, but the least IoU is {least:.3f}.")
    return least


def measure(rank: int, options: dict[str, str], paths: Sequence[Path], together: Barrier, outcomes: Any) -> None:
    """One process's share of the films, both ways in turn, beginning with the others."""
    torch.set_num_threads(int(options["threads"]))
    share = paths[rank :: int(options["processes"])]
    ways = {"reference": Reference(load(options | {"precision": "fp32"})), "engine": Engine(load(options))}
    seconds, memory, least = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0), 1.0
    for number in range(int(options["rounds"]) + 1):
        spines = {}
        for name, way in ways.items():
            reset_peak_memory(options["device"])
            with TemporaryDirectory() as folder:
                together.wait()
                start = perf_counter()
                spines[name] = way(share, Path(folder))
                together.wait()
                seconds[name] += perf_counter() - start
            memory[name] = max(memory[name], peak_memory(options["device"]))
            if number == 0:  # warms up
                seconds[name] = 0.0
                way.stages.clear()
        least = least_iou(spines["engine"], spines["reference"], 0.99)
    outcomes[rank] = {name: (seconds[name], memory[name], way.stages.seconds, way.stages.items) for name, way in ways.items()}, least


def summed(stages: Sequence[dict[str, float]]) -> Stages:
    """The stages of all processes."""
    total = Stages()
    for each in stages:
        for stage, value in each.items():
            total.seconds[stage] += value
    return total


def row(name: str, outcomes: Sequence[Any], films: int, processes: int, peak_rate: float, work: float) -> list[str]:
    """Films per second, share of what is not networks, seconds per film and process by stage, encodes per film, encoder's rate, memory."""
    parts = [outcome[0][name] for outcome in outcomes]
    seconds, stages = max(part[0] for part in parts), summed([part[2] for part in parts])
    encodes = sum(part[3]["sam_adapter"] for part in parts)
    networks = sum(stages.seconds[each] for each in COMPONENTS)
    by_stage = [f"{stages.seconds[each] / films:.3f}" for each in (*COMPONENTS, "read", "write")]
    rate = work * encodes / stages.seconds["encoder"]
    rest = 1 - networks / processes / seconds
    memory = max(part[1] for part in parts)
    return [name, f"{films / seconds:.2f}", *by_stage, f"{rest:.0%}", f"{encodes / films:.1f}", f"{rate / peak_rate:.0%}", f"{memory:.2f}"]


def main() -> None:
    """Run both in turn in every process, check that they agree, print the table."""
    options = chosen(DEFAULTS)
    processes, rounds = int(options["processes"]), int(options["rounds"])
    torch.set_num_threads(int(options["threads"]))
    work, rate = encoder_work(load(options)), matrix_rate(options)
    with TemporaryDirectory() as folder, mp.Manager() as manager:
        paths, outcomes = save_films(simulated(int(options["films"])), Path(folder)), manager.dict()
        mp.spawn(measure, (options, paths, mp.get_context("spawn").Barrier(processes), outcomes), nprocs=processes)
        found = list(outcomes.values())
    columns = (
        "",
        "films/s",
        *COMPONENTS,
        "read",
        "write",
        "all but networks",
        "encodes/film",
        "encoder, of matrix rate",
        "peak memory, GB",
    )
    table = Table(*columns, title=f"seconds per film; {options}")
    films = len(paths) * rounds
    for name in ("reference", "engine"):
        table.add_row(*row(name, found, films, processes, rate, work))
    seconds = {name: max(outcome[0][name][0] for outcome in found) for name in ("reference", "engine")}
    console = Console(width=180)
    console.print(table)
    console.print(f"One core's matrix rate: {rate / 1e9:.0f} GFLOP/s; an encode: {work / 1e9:.2f} GFLOP.")
    ratio, least = seconds["reference"] / seconds["engine"], min(outcome[1] for outcome in found)
    console.print(f"The engine does {ratio:.2f} times as many films; the same vertebrae, least IoU {least:.4f}.")


if __name__ == "__main__":
    main()
