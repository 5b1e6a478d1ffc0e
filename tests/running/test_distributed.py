"""Processes that put their shares together; what whole scripts do in several processes is in test_infer.py and test_evaluate.py."""

import multiprocessing
import time
from pathlib import Path

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from lightning_fabric import Fabric

from spinefm.running import distributed
from spinefm.running.distributed import Team, check_one_folder


def test_alone_one_has_everything():
    with Team(Fabric(accelerator="cpu", devices=1)) as team:
        assert team.is_first and team.share([1, 2, 3]) == [1, 2, 3] and team.gather(("a", "b")) == ["a", "b"]
        assert team.together(lambda: 7) == 7
        check_one_folder(Path("out"))
        with pytest.raises(ZeroDivisionError):
            team.together(lambda: 1 / 0)


class Started:
    """Stands for a Fabric in one of three processes."""

    def __init__(self, rank, folder):
        self.global_rank, self.world_size, self.folder = rank, 3, folder

    def launch(self):
        dist.init_process_group("gloo", init_method=f"file://{self.folder}/meeting", rank=self.global_rank, world_size=3)


def member(rank, folder, failing=None):
    """One of three processes, of which one may fail at its share; what it knows in the end is in a file."""

    def work():
        if rank == failing:
            raise ValueError("a fault")
        return team.share("abcdefg")

    with Team(Started(rank, folder)) as team:
        try:
            share = team.together(work)
            outcome = repr(team.gather(list(share)))
        except (ValueError, SystemExit) as end:
            outcome = repr(end)
    Path(folder, f"{rank}.txt").write_text(f"{outcome} {dist.is_initialized()}")


def latecomer(rank, folder):
    """One of three processes, the first of which prepares something, and takes its time."""

    def prepare():
        time.sleep(0.3)
        with Path(folder, "prepared").open("a") as file:
            file.write(str(rank))

    with Team(Started(rank, folder)) as team:
        team.beforehand(prepare)
        Path(folder, f"{rank}.txt").write_text(Path(folder, "prepared").read_text())


def outcomes(folder, *arguments, of=member):
    """What three processes know in the end; they come from one that has imported all they need, as that takes seconds."""
    multiprocessing.set_forkserver_preload([__name__])
    mp.start_processes(of, (str(folder), *arguments), nprocs=3, start_method="forkserver")
    return [(folder / f"{rank}.txt").read_text() for rank in range(3)]


def test_every_item_is_one_processs_and_everyone_gets_everything(tmp_path):
    assert outcomes(tmp_path) == ["['a', 'd', 'g', 'b', 'e', 'c', 'f'] False"] * 3


def test_what_is_done_beforehand_is_done_once_and_before_any_goes_on(tmp_path):
    assert outcomes(tmp_path, of=latecomer) == ["0"] * 3


@pytest.mark.parametrize("failing", [0, 2])
def test_when_one_fails_all_end_and_it_says_why(tmp_path, failing):
    expected = ["SystemExit(1) False"] * 3
    expected[failing] = "ValueError('a fault') False"
    assert outcomes(tmp_path, failing) == expected


def test_two_folders_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "gather", lambda own: [*own, Path("runs/2")])
    with pytest.raises(
        ValueError, match=r"one output folder for all processes, but got `runs/1`, `runs/2`. Name it with `output=<folder>`"
    ):
        check_one_folder(Path("runs/1"))
