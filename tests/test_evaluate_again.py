"""A second evaluation in the folder of a first one."""

import pytest

from spinefm.evaluation.sweeps import read_jobs
from tests.scripts import FILMS, fails, names, run

EITHER = pytest.mark.parametrize("what", ["pipeline=detector_only", "component=point_predictor"])


def logs(folder):
    return sorted(name for name in names(folder) if name in ("metrics.csv", "hparams.yaml") or name.startswith("events.out."))


@EITHER
def test_numbers_that_the_first_one_logged_go_and_its_own_stay(published, tmp_path, what):
    again = ["evaluate", tmp_path, *FILMS, what, f"checkpoints={published}", f"output={tmp_path / 'out'}"]
    run(*again, "logger=tensorboard")
    first = logs(tmp_path / "out")
    run(*again, "logger=tensorboard")
    second = logs(tmp_path / "out")
    assert len(first) == len(second) == 3 and first[0] != second[0] and first[1:] == second[1:] == ["hparams.yaml", "metrics.csv"]
    fails(*again, "checkpoints=absent")
    assert logs(tmp_path / "out") == second
    run(*again)
    assert logs(tmp_path / "out") == []


@EITHER
def test_options_of_one_that_fails_are_not_those_of_results_that_are_there(published, tmp_path, what):
    again = ["evaluate", tmp_path, *FILMS, what, f"checkpoints={published}", f"output={tmp_path / 'jobs' / 'one'}"]
    run(*again, "seed=1")
    fails(*again, "checkpoints=absent", "seed=2")
    (job,) = read_jobs(tmp_path / "jobs")
    assert job.values and (job.options["seed"], job.options["checkpoints"]) == ("1", str(published))
