"""How a script ends when its input is at fault, and when its code is."""

import os
import pickle
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException, MissingConfigException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from spinefm.data.problems import DataError, Problem
from spinefm.running.failures import JobError, failure_kept, forget_failures, run_script
from tests.scripts import ROOT


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.delenv("SPINEFM_QUIET", raising=False)


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize("error", [ValueError("a sentence"), FileNotFoundError("a sentence"), MissingConfigException("a sentence")])
def test_a_fault_of_the_input_is_one_sentence(error):
    with pytest.raises(SystemExit) as caught:
        run_script(raising(error))
    # Python prints a text it exits with on the error stream and makes the exit code 1.
    assert caught.value.code == "Error: a sentence"


def test_a_problem_of_the_data_is_one_sentence():
    problem = Problem(Path("film.png"), "to be a film", "a poem", "Replace it.")
    with pytest.raises(SystemExit, match=r"^Error: Expected `film\.png` to be a film, but found a poem\. Replace it\.$"):
        run_script(raising(DataError(problem)))


def test_faults_of_a_config_are_caught():
    with pytest.raises(SystemExit, match=r"Error: Expected a value for `dataset\.root`, but none was given\. Add `dataset\.root=\.\.\.`"):
        run_script(lambda: OmegaConf.create({"dataset": {"root": "???"}}).dataset.root)


def test_an_interpolation_that_leads_nowhere_is_told():
    with pytest.raises(SystemExit, match=r"Error: .*absent"):
        run_script(lambda: OmegaConf.create({"root": "${absent}"}).root)


def test_what_a_constructor_says_is_told_without_hydras_words():
    config = {"_target_": "spinefm.models.encoders.VitSize", "stem": "cnov"}
    with pytest.raises(InstantiationException):
        instantiate(config)
    with pytest.raises(SystemExit) as caught:
        run_script(lambda: instantiate(config))
    assert caught.value.code == "Error: Expected `stem` to be patch or conv, but got `cnov`."


@pytest.mark.parametrize("error", [KeyError("a"), TypeError("b"), RuntimeError("c"), ZeroDivisionError()])
def test_a_fault_of_the_code_keeps_its_trace(error):
    with pytest.raises(type(error)):
        run_script(raising(error))


def composed(*overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        compose("infer", [*overrides])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("ouput=out", "Expected options of this script, but it has none called `ouput`. `--help` lists them."),
        ("pipeline.crob=false", "Expected options of this script, but it has none called `pipeline.crob`. `--help` lists them. One that"),
        ("input=a (2).png", "Expected `<option>=<value>`, but got `input=a (2).png`. A value with"),
        ("input=M\u00fcller.png", "Expected `<option>=<value>`, but got `input=M\u00fcller.png`. A value with"),
    ],
)
def test_an_option_that_hydra_does_not_take_is_told_in_our_words(override, told):
    with pytest.raises(SystemExit) as caught:
        run_script(lambda: composed(override))
    assert caught.value.code.startswith(f"Error: {told}")


@pytest.mark.parametrize(
    ("file", "named"), [("/results/.temporary.yaml", "/results"), ("/data/films.csv", "/data/films.csv"), (b"x", "b'x'")], ids=str
)
def test_what_may_not_be_used_is_named(file, named):
    expected = (
        f"Error: Expected to be allowed to use `{named}`, but was not (Permission denied). Change its permissions, or name another one."
    )
    with pytest.raises(SystemExit) as caught:
        run_script(raising(PermissionError(13, "Permission denied", file)))
    assert caught.value.code.startswith(expected)


def test_an_interruption_is_one_sentence(capsys):
    with pytest.raises(SystemExit) as caught:
        run_script(raising(KeyboardInterrupt()))
    assert caught.value.code == 130
    assert capsys.readouterr().err == "Interrupted. What was finished until then is kept.\n"


def test_the_trace_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match="a sentence"):
        run_script(raising(ValueError("a sentence")))
    with pytest.raises(KeyboardInterrupt):
        run_script(raising(KeyboardInterrupt()))


def test_success_passes_without_an_exit():
    seen = []
    run_script(lambda: seen.append(os.environ["HYDRA_FULL_ERROR"]))
    assert seen == ["1"]


def test_processes_that_a_script_starts_do_not_take_its_environment_for_a_wish():
    seen = []

    def main():
        seen.append({name: os.environ.get(name) for name in ("HYDRA_FULL_ERROR", "SPINEFM_QUIET")})
        if len(seen) == 1:
            with pytest.raises(SystemExit, match="a sentence"):
                run_script(raising(ValueError("a sentence")))

    run_script(main)
    assert seen == [{"HYDRA_FULL_ERROR": "1", "SPINEFM_QUIET": "1"}]
    assert os.environ["HYDRA_FULL_ERROR"] == "0" and "SPINEFM_QUIET" not in os.environ


def test_what_a_library_says_of_an_option_names_it():
    config = OmegaConf.create({"trainer": {"_target_": "lightning_fabric.Fabric", "accelerator": "abacus"}})
    with pytest.raises(SystemExit, match=r"abacus"):
        run_script(lambda: instantiate(config.trainer))
    config.trainer = {"_target_": "builtins.int", "_args_": [[]]}
    with pytest.raises(SystemExit, match=r"Error: .*int\(\).* Check `trainer`\.$"):
        run_script(lambda: instantiate(config.trainer))


def job(sweep, name, error, *options):
    """A job of a multirun in its folder; gives what Hydra would raise at the end, in another process."""
    (sweep / name / ".hydra").mkdir(parents=True, exist_ok=True)
    (sweep / name / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(["dataset=synthetic", *options]))
    try:
        with failure_kept(sweep / name):
            if error is not None:
                raise error
    except JobError as failed:
        return pickle.loads(pickle.dumps(failed))


def test_a_sweep_names_each_job_that_failed(tmp_path, caplog):
    """In the order of their numbers, with the options in which jobs differ, and of several lines the first."""
    first = job(tmp_path, "2-a", ValueError("a sentence"), "lr=1", "depth=2")
    job(tmp_path, "9-b", None, "lr=2", "depth=2")
    job(tmp_path, "10-c", KeyError("x"), "lr=3")
    job(tmp_path, "11-d", ValueError("3 films\n  one\n  two"), "lr=4")
    with pytest.raises(SystemExit) as caught:
        run_script(raising(first))
    assert str(first) == "a sentence" and caught.value.code.splitlines() == [
        f"Error: Expected every job of `{tmp_path}` to succeed, but 3 failed:",
        "  2-a lr=1 depth=2: a sentence",
        "  10-c lr=3: KeyError: 'x'",
        "  11-d lr=4: 3 films",
    ]
    assert "Traceback" in caplog.text and caplog.text.count("KeyError: 'x'") == 1 and "a sentence" not in caplog.text


def test_a_job_whose_failure_another_multirun_forgot_tells_its_own_reason(tmp_path):
    failed = job(tmp_path, "0", ValueError("a sentence"))
    forget_failures(tmp_path)
    with pytest.raises(SystemExit, match=r"^Error: a sentence$"):
        run_script(raising(failed))


def test_a_job_that_succeeds_at_last_failed_no_more(tmp_path):
    job(tmp_path, "0", ValueError("a sentence"))
    assert (tmp_path / "0" / "failure.txt").read_text() == "a sentence"
    job(tmp_path, "0", None)
    assert not (tmp_path / "0" / "failure.txt").exists()
