"""What a run record says."""

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import pytest
import torch

from spinefm import provenance
from spinefm.files.weight_files import sha256_of
from spinefm.provenance import checkpoint_origins, config_hash, git_commit, run_record, training_origin, versions


def test_the_config_hash_sees_values_and_not_their_order():
    config = {"a": 1, "b": {"c": [1, 2], "d": None}}
    assert config_hash(config) == config_hash({"b": {"d": None, "c": [1, 2]}, "a": 1})
    others = [{"a": 2, "b": config["b"]}, {"a": 1, "b": {"c": [2, 1], "d": None}}, {"a": 1}, {"a": "1", "b": config["b"]}]
    assert len({config_hash(each) for each in [config, *others]}) == 5
    assert len(config_hash(config)) == 64


def test_the_config_hash_does_not_see_where_results_go():
    assert config_hash({"a": 1, "output": "runs/1", "publish": None, "logger": {}}) == config_hash({"a": 1, "output": "runs/2"})


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder that holds the package, and git in it."""
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "spinefm" / "provenance.py"))

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    return tmp_path, git


def test_the_commit_and_whether_there_are_changes(tree):
    folder, git = tree
    git("init", "-q")
    (folder / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert git_commit() == commit and len(commit) == 40
    (folder / "runs").mkdir()
    (folder / "runs" / "result.json").write_text("{}")
    assert git_commit() == commit
    (folder / "a.py").write_text("2")
    assert git_commit() == f"{commit}-dirty"


def test_outside_a_repository_there_is_no_commit(tree, monkeypatch):
    folder, _ = tree
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    assert git_commit() is None


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None


def test_versions_of_what_decides_results():
    found = versions()
    assert found["torch"] == torch.__version__.split("+")[0]
    assert found["python"] == platform.python_version()
    assert {"pytorch-lightning", "torchvision", "segment-anything", "albumentations", "hydra-core", "spinefm"} < set(found)


def test_only_optional_packages_may_be_absent(monkeypatch):
    def absent(package):
        monkeypatch.setattr(provenance, "version", lambda name: version("torch") if name != package else version("no-such-package"))
        return versions()

    assert "monai" in absent("peft") and "monai" not in absent("monai")
    with pytest.raises(PackageNotFoundError):
        absent("torchvision")


def test_a_record_tells_runs_apart_and_is_json():
    first, second = run_record({"a": 1}, "films"), run_record({"a": 1}, "films")
    assert json.loads(json.dumps(first)) == first
    assert set(first) == {"run_id", "git_commit", "config_hash", "data_fingerprint", "versions"}
    assert first["run_id"] != second["run_id"]
    assert first | {"run_id": ""} == second | {"run_id": ""}
    assert first["data_fingerprint"] == "films" and first["config_hash"] == config_hash({"a": 1})


@pytest.mark.parametrize("run", [{}, {"run": None}], ids=["made before", "not trained here"])
def test_checkpoints_name_their_training_or_nothing(tmp_path, run):
    origin = training_origin(run_record({}, "films") | {"git_commit": "c0"}, "synthetic", "w1", ["ap_spine"])
    torch.save({"component": "resnet", "run": origin}, tmp_path / "resnet.ckpt")
    torch.save({"component": "sam_adapter"} | run, tmp_path / "sam_adapter.ckpt")
    known, unknown = checkpoint_origins(tmp_path, ["resnet", "sam_adapter"]).values()
    assert known == origin | {"sha256": sha256_of(tmp_path / "resnet.ckpt")} and (known["git_commit"], known["wandb_id"]) == ("c0", "w1")
    assert unknown == dict.fromkeys(origin) | {"sha256": sha256_of(tmp_path / "sam_adapter.ckpt")}


def test_origins_want_every_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="No resnet checkpoint"):
        checkpoint_origins(tmp_path, ["resnet"])
