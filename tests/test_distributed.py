"""Processes that put their shares together; what whole scripts do in several processes is in test_infer.py and test_evaluate.py."""

from pathlib import Path

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from spinefm import distributed
from spinefm.distributed import check_one_folder, gather


def test_alone_one_has_what_one_has():
    assert gather(("a", "b")) == ["a", "b"] and gather([]) == []
    check_one_folder(Path("out"))


def gather_in(rank, folder):
    """One of three processes; the second one has nothing."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=3)
    share = [[("a", 1), ("b", 2)], [], [("c", 3)]][rank]
    Path(folder, f"{rank}.txt").write_text(repr(gather(share)))
    dist.destroy_process_group()


def test_everyone_gets_everything_in_the_order_of_ranks(tmp_path):
    mp.spawn(gather_in, (str(tmp_path),), nprocs=3)
    assert {(tmp_path / f"{rank}.txt").read_text() for rank in range(3)} == {"[('a', 1), ('b', 2), ('c', 3)]"}


def test_two_folders_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "gather", lambda own: [*own, Path("runs/2")])
    with pytest.raises(
        ValueError, match=r"one output folder for all processes, but got `runs/1`, `runs/2`. Name it with `output=<folder>`"
    ):
        check_one_folder(Path("runs/1"))
