"""Checkpoints as artifacts: training and evaluation name the same one."""

from types import SimpleNamespace

import pytest

from spinefm.tracking import log_model, use_models

ORIGIN = {"run_id": "1f", "git_commit": None, "dataset": "aasce", "wandb_id": None}


@pytest.fixture
def run():
    """A run that keeps what it logs, and what it uses."""
    kept = SimpleNamespace(logged=[], used=[])
    kept.log_artifact = kept.logged.append
    kept._log_artifact = lambda artifact, **options: kept.used.append((artifact, options))
    return kept


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "resnet.ckpt"
    path.write_bytes(b"weights")
    return path


def test_a_checkpoint_is_the_same_artifact_wherever_it_lies(run, checkpoint, tmp_path):
    log_model(run, checkpoint, "resnet", ORIGIN)
    (tmp_path / "elsewhere").mkdir()
    checkpoint.rename(tmp_path / "elsewhere" / "resnet.ckpt")
    use_models(run, tmp_path / "elsewhere", {"resnet": ORIGIN | {"sha256": "0"}})
    (logged,), ((used, options),) = run.logged, run.used
    assert (logged.name, logged.type, logged.digest) == (used.name, used.type, used.digest) == ("aasce-resnet", "model", logged.digest)
    assert options["use_after_commit"]


def test_other_weights_are_another_version(run, checkpoint):
    log_model(run, checkpoint, "resnet", ORIGIN)
    checkpoint.write_bytes(b"other weights")
    log_model(run, checkpoint, "resnet", ORIGIN)
    first, second = run.logged
    assert first.name == second.name and first.digest != second.digest


def test_a_checkpoint_of_unknown_origin_is_left_out(run, tmp_path):
    use_models(run, tmp_path, {"resnet": dict.fromkeys(ORIGIN)})
    assert run.used == []


def test_what_is_shipped_is_named_by_its_file(run, tmp_path):
    (tmp_path / "resnet.safetensors").write_bytes(b"weights")
    use_models(run, tmp_path, {"resnet": ORIGIN | {"sha256": "0"}})
    ((used, _),) = run.used
    assert list(used.manifest.entries) == ["resnet.safetensors"]
