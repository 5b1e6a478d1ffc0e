"""The jobs of a multirun: each one run in one folder, none run twice, whatever launches them."""

import fcntl
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from spinefm.components import COMPONENTS
from spinefm.files.atomic import write_json
from spinefm.running.jobs import finished_score
from tests.scripts import FILMS, ROOT, fails, names, process, read_json, run

RECORD = {"config_hash": "c", "data_fingerprint": "d", "run_id": "r"}
SWEEPS = sorted(str(path.relative_to(ROOT / "conf" / "sweep").with_suffix("")) for path in (ROOT / "conf" / "sweep").glob("*/*.yaml"))


def jobs(sweep):
    return sorted(path for path in sweep.iterdir() if (path / ".hydra").is_dir())


def numbers(sweep):
    return [path.name.partition("-")[0] for path in jobs(sweep)]


def finished(folder, value=0.5):
    write_json(folder / "score.json", {"monitor": "val/x", "mode": "min", "value": value})
    write_json(folder / "run.json", RECORD)


@pytest.mark.parametrize("given", [["+max_epochs=1"], ["+max_epochs=1,2", "-m"], ["+seeds=[1,2]"]], ids=" ".join)
@pytest.mark.parametrize(
    ("script", "arguments"),
    [("train", ["component=resnet"]), ("evaluate", ["dataset=synthetic"]), ("infer", ["input=films", "checkpoints=networks"])],
)
def test_an_added_option_that_nothing_reads_is_refused(tmp_path, script, arguments, given):
    name = given[0][1:].partition("=")[0]
    assert f"Expected options of this script, but it has none called `{name}`." in fails(script, tmp_path, *arguments, *given)


def test_an_added_choice_of_a_group_is_taken(tmp_path):
    """Hydra demands the plus where the script has no such group of its own."""
    assert "none called" not in fails("evaluate", tmp_path, "component=resnet", "+tuning=full", f"checkpoints={tmp_path}")


def test_a_finished_job_is_known_by_its_config_and_films(tmp_path):
    tmp_path = tmp_path / "job"
    finished(tmp_path)
    assert finished_score(tmp_path, RECORD | {"run_id": "another"}) == 0.5
    for key in ("config_hash", "data_fingerprint", "pretrained_sha256"):
        with pytest.raises(ValueError, match=r"this job's, but it holds one of another config or other films. Name another folder"):
            finished_score(tmp_path, RECORD | {key: "another"})
    assert names(tmp_path) == {"score.json", "run.json"}


@pytest.mark.parametrize("links", [True, False])
def test_another_job_of_the_same_config_answers_too(tmp_path, monkeypatch, links):
    """Even where this one was interrupted: half a training is no result of it. Its folder, too, holds the best network."""
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", fails_to_link)
    finished(tmp_path / "3-a")
    (tmp_path / "3-a" / "best.ckpt").write_text("a network")
    (tmp_path / "5-b").mkdir()
    for name in ("run.json", "best.ckpt"):
        (tmp_path / "5-b" / name).write_text("{}")
    assert finished_score(tmp_path / "5-b", RECORD) == 0.5
    assert names(tmp_path / "5-b") == {"score.json", "run.json", "best.ckpt"} and read_json(tmp_path / "5-b" / "run.json") == RECORD
    assert (tmp_path / "5-b" / "best.ckpt").read_text() == "a network"
    shutil.rmtree(tmp_path / "3-a")
    assert (tmp_path / "5-b" / "best.ckpt").read_text() == "a network"


def fails_to_link(path, target):
    raise OSError("no links on this file system")


def test_a_job_whose_network_was_deleted_still_answers(tmp_path):
    finished(tmp_path / "3-a")
    (tmp_path / "5-b").mkdir()
    assert finished_score(tmp_path / "5-b", RECORD) == 0.5 and names(tmp_path / "5-b") == {"score.json", "run.json"}


def test_an_answer_of_other_code_is_told(tmp_path, caplog):
    finished(tmp_path / "3-a")
    assert finished_score(tmp_path / "3-a", RECORD | {"git_commit": "b"}) == 0.5
    assert "run with another git_commit; delete it" in caplog.text


def test_a_job_that_diverged_fails_again(tmp_path):
    finished(tmp_path / "job", None)
    with pytest.raises(ValueError, match=r"Expected `val/x` to become a finite number, but it never did"):
        finished_score(tmp_path / "job", RECORD)


@pytest.mark.parametrize("record", ["x", "{}", '{"config_hash": "another"}'])
def test_nothing_is_left_of_an_interrupted_job_but_what_others_put_there(tmp_path, record):
    job = tmp_path / "sweep" / "job"
    for name in (".hydra/config.yaml", "train.log", "run.json", "best.ckpt", "wandb/run/files", "thesis.docx", "notes/best.ckpt"):
        (job / name).parent.mkdir(parents=True, exist_ok=True)
        (job / name).write_text(record)
    assert finished_score(job, RECORD) is None
    assert names(job) == {".hydra", "train.log", "thesis.docx", "notes"} and names(job / "notes") == {"best.ckpt"}


def test_a_folder_without_a_training_is_nobodys(tmp_path):
    job = tmp_path / "sweep" / "job"
    job.mkdir(parents=True)
    (job / "metrics.csv").write_text("mine")
    assert finished_score(job, RECORD) is None and names(job) == {"metrics.csv"}


def test_nobody_else_may_be_at_work_in_a_jobs_folder(tiny, tmp_path):
    job = tmp_path / "sweep" / "job"
    job.mkdir(parents=True)
    with (job / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = fails("train", tmp_path, "-m", *tiny("point_predictor"), f"hydra.sweep.dir={job.parent}", "hydra.sweep.subdir=job")
    assert "nobody else at work in" in told and names(job) <= {".lock", ".hydra", "train.log"}


@pytest.mark.parametrize("name", SWEEPS)
def test_every_option_of_a_sweep_is_one_of_its_component(name):
    """With each of its values, or both ends of its range."""
    component = COMPONENTS[name.partition("/")[0]]
    choices = [f"component={component.name}", f"sweep={name}"]
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        hydra = compose("train", choices, return_hydra_config=True).hydra
        for override in OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in hydra.sweeper.params.items()]):
            value = override.value()
            values = [value.start, value.end] if override.is_interval_sweep() else list(override.sweep_iterator())
            assert len(values) > 1
            for each in values:
                config = compose("train", [*choices, f"{override.key_or_group}={each}"])
                if override.key_or_group.startswith("component."):
                    assert str(OmegaConf.select(config, override.key_or_group)) == str(each)
    assert hydra.sweep.dir == f"runs/sweeps/synthetic/{name}"
    if "direction" in hydra.sweeper:
        assert hydra.sweeper.direction == {"min": "minimize", "max": "maximize"}[component.mode]
        assert hydra.sweeper.max_failure_rate == 1.0 and hydra.sweeper.sampler._target_ == "optuna.samplers.TPESampler"


def test_every_component_has_every_sweep():
    assert sorted(f"{component}/{kind}" for component in COMPONENTS for kind in ("grid", "optuna", "joblib")) == SWEEPS


def sweep_in(folder, name):
    """The folder of a sweep by name."""
    (sweep,) = (folder / "runs" / "sweeps" / "synthetic" / "point_predictor").glob(f"{name}-*")
    return sweep


def study(sweep):
    return optuna.load_study(study_name=None, storage=f"sqlite:///{sweep}/study.db").trials


def test_an_optuna_sweep_that_is_killed_and_started_again_runs_no_trial_twice(tiny, tmp_path):
    command = ["train", tmp_path, *tiny("point_predictor"), "sweep=point_predictor/optuna", "hydra.sweeper.n_trials=6"]
    first = subprocess.Popen([sys.executable, ROOT / "train.py", *command[2:]], cwd=tmp_path, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob("runs/sweeps/synthetic/*/*/*/score.json"))) < 3:
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    sweep = sweep_in(tmp_path, "optuna")
    records = {path.parent.name: read_json(path.parent / "run.json") for path in sweep.glob("*/score.json")}
    assert 3 <= len(records) < 6
    done = process(*command)
    assert done.returncode == 0, done.stderr
    scores = [read_json(path / "score.json")["value"] for path in jobs(sweep)]
    assert numbers(sweep) == ["0", "1", "2", "3", "4", "5"]
    assert [trial.state.name for trial in study(sweep)] == ["COMPLETE"] * 6 and [trial.value for trial in study(sweep)] == scores
    assert len(set(scores)) == 6
    assert {name: read_json(sweep / name / "run.json") for name in records} == records
    assert all(names(path) >= {"best.ckpt", "last.ckpt"} and "best-v1.ckpt" not in names(path) for path in jobs(sweep))


def test_an_optuna_sweep_that_runs_is_not_started_a_second_time(tiny, tmp_path):
    """The study stays with the first, which goes on to its end."""
    command = ["train", tmp_path, *tiny("point_predictor"), "sweep=point_predictor/optuna", "hydra.sweeper.n_trials=6"]
    first = subprocess.Popen([sys.executable, ROOT / "train.py", *command[2:]], cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("runs/sweeps/synthetic/*/*/*/score.json")):
        assert first.poll() is None
        time.sleep(0.02)
    sweep = sweep_in(tmp_path, "optuna")
    begun = study(sweep)[0].datetime_start
    assert fails(*command).startswith(f"Error: Expected nobody else at work in `{sweep.relative_to(tmp_path)}`")
    assert first.poll() is None and first.wait() == 0
    assert [trial.state.name for trial in study(sweep)] == ["COMPLETE"] * 6 and study(sweep)[0].datetime_start == begun


def test_a_failing_trial_does_not_end_a_sweep(tiny, tmp_path, capsys):
    """One centroid says nothing of where the next one is; steps that are far too long lead to infinity. A second time they fail again."""
    options = ["component.module.context=choice(1,2,3)", "component.module.optimizer.lr=choice(0.001,1e37)", "component.max_epochs=2"]
    command = [*tiny("point_predictor"), "sweep=point_predictor/optuna", "hydra.sweeper.n_trials=6", *options]
    for _ in range(2):
        run("train", tmp_path, *command)
        states = [trial.state.name for trial in study(sweep_in(tmp_path, "optuna"))]
        assert len(states) == 6 and set(states) == {"COMPLETE", "FAIL"}
        assert capsys.readouterr().out.count("no result") == states.count("FAIL")


def test_a_grid_that_runs_is_not_started_a_second_time(tiny, tmp_path):
    """After it has failed it is."""
    command = ["train", tmp_path, *tiny("point_predictor"), "sweep=point_predictor/grid", "component.module.coordinates=image"]
    command += ["component.module.hidden_size=8", "component.module.context=0", f"hydra.sweep.dir={tmp_path}/sweep"]
    failure = tmp_path / "sweep" / "9" / "failure.txt"
    failure.parent.mkdir(parents=True)
    failure.write_text("of the first")
    with (tmp_path / "sweep" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert fails(*command).startswith(f"Error: Expected nobody else at work in `{tmp_path}/sweep`")
    assert names(tmp_path / "sweep") == {".lock", "9"} and failure.is_file()
    assert "Expected every job" in fails(*command) and not failure.is_file()


@pytest.mark.parametrize(
    ("script", "given", "option"),
    [
        ("train", ["component=point_predictor", *FILMS, "component.module.context=0"], "seed"),
        ("evaluate", [*FILMS, "checkpoints=absent"], "seed"),
        ("infer", ["input=absent", "checkpoints=absent"], "pipeline.max_steps"),
    ],
    ids=["train", "evaluate", "infer"],
)
def test_jobs_of_an_earlier_multirun_of_a_folder_are_not_told(tmp_path, script, given, option):
    for values, number in (("1,2,3", 3), ("4", 1)):
        told = fails(script, tmp_path, "-m", *given, f"{option}={values}", f"hydra.sweep.dir={tmp_path}/sweep")
        assert f"but {number} failed:" in told and len(told.splitlines()) == 1 + number


def test_a_grid_names_all_jobs_that_failed(tiny, tmp_path):
    """With the options in which they differ; one has finished."""
    command = ["train", tmp_path, *tiny("point_predictor"), "sweep=point_predictor/grid"]
    command += ["component.module.coordinates=image", "component.module.hidden_size=8", "component.module.context=1,2,0"]
    heading, *told = fails(*command).splitlines()
    sweep = sweep_in(tmp_path, "grid")
    assert heading == f"Error: Expected every job of `{sweep}` to succeed, but 2 failed:"
    assert [line.split()[0] for line in told] == [path.name for path in jobs(sweep) if not path.name.startswith("1-")]
    for line, context in zip(told, (1, 0), strict=True):
        assert f" component.module.context={context}: Expected `context` to be at least 2 centroids, but got {context}" in line


def test_another_option_is_another_sweep(tiny, tmp_path):
    for augment in ("true", "false"):
        command = [*tiny("point_predictor"), "sweep=point_predictor/optuna", "hydra.sweeper.n_trials=1"]
        run("train", tmp_path, *command, f"component.module.augment={augment}")
    sweeps = list((tmp_path / "runs" / "sweeps" / "synthetic" / "point_predictor").iterdir())
    assert len(sweeps) == 2 and all(len(study(sweep)) == 1 for sweep in sweeps)


def test_without_any_success_a_sweep_says_so(tiny, tmp_path):
    told = fails(
        "train",
        tmp_path,
        *tiny("point_predictor"),
        "sweep=point_predictor/optuna",
        "hydra.sweeper.n_trials=1",
        "component.module.context=1",
    )
    assert told == "Error: Expected a trial to succeed, but all failed. What each of them said stands above."


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_launchers_run_the_jobs_in_processes(tiny, tmp_path, launcher):
    command = ["train", tmp_path, *tiny("point_predictor"), "sweep=point_predictor/grid"]
    command += ["component.module.coordinates=image,local", "component.module.hidden_size=8", f"hydra/launcher={launcher}"]
    done = process(*command)
    assert done.returncode == 0, done.stderr
    sweep = sweep_in(tmp_path, "grid")
    assert numbers(sweep) == ["0", "1"] and done.stdout.count("val/step_error") >= 1
    records = [read_json(path / "run.json") for path in jobs(sweep)]
    assert len({record["config_hash"] for record in records}) == 2


def test_a_sweep_with_ddp_makes_one_folder_per_job(tiny, tmp_path):
    """The second job fails."""
    done = process("train", tmp_path, "-m", *tiny("point_predictor"), "trainer=ddp", "component.module.context=2,1")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].endswith("failed; what it said stands above."), done.stderr
    assert "Expected `context` to be at least 2 centroids, but got 1" in done.stderr
    assert names(tmp_path) == {"runs"} and names(tmp_path / "runs") == {"sweeps"}
    (sweep,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert numbers(sweep) == ["0", "1"] and [(path / "score.json").is_file() for path in jobs(sweep)] == [True, False]
    assert done.stderr.count("MEMBER: 2/2") == 1


def test_a_sweep_of_evaluations_with_ddp_equals_one_without(workplace, tmp_path):
    options = [*FILMS, "pipeline=detector_only", "pipeline.score_threshold=0,1", f"checkpoints={workplace}/checkpoints/synthetic"]
    run("evaluate", tmp_path, "-m", *options, "hydra.sweep.dir=one")
    done = process("evaluate", tmp_path, "-m", *options, "trainer=ddp", "hydra.sweep.dir=two")
    assert done.returncode == 0, done.stderr
    for job in ("0", "1"):
        assert (tmp_path / "one" / job / "results.json").read_bytes() == (tmp_path / "two" / job / "results.json").read_bytes()
    assert read_json(tmp_path / "one" / "0" / "results.json") != read_json(tmp_path / "one" / "1" / "results.json")
