"""Which checkpoints a run keeps, and which it can go on from."""

import pytest
import pytorch_lightning as pl
import torch

from spinefm.components import PointPredictorComponent
from spinefm.training.checkpoints import BestCheckpoint, LastCheckpoint, best_so_far, check_unused, resume_from
from spinefm.training.films import FilmDataModule

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001}


@pytest.fixture
def resume(tmp_path):
    """Path of a run's last checkpoint, which is not there."""
    (tmp_path / "moved").mkdir()
    return tmp_path / "moved" / "last.ckpt"


def best_at(path):
    return {"best_model_path": str(path), "best_model_score": 0.5}


def test_the_best_epoch_lies_where_the_run_put_it(resume, tmp_path):
    for path in (tmp_path / "best.ckpt", resume.with_name("best.ckpt")):
        path.touch()
    assert best_so_far(best_at(tmp_path / "best.ckpt"), resume) == str(tmp_path / "best.ckpt")


def test_where_a_run_was_moved_it_lies_beside_the_last(resume, tmp_path, monkeypatch):
    resume.with_name("best.ckpt").touch()
    monkeypatch.chdir(tmp_path)
    best = BestCheckpoint(tmp_path / "second", PointPredictorComponent(optimizer=ADAM), "moved/last.ckpt")
    best.load_state_dict(best_at("gone/best.ckpt"))
    assert best.best_model_path == str(resume.with_name("best.ckpt")) and best.best_model_score == 0.5


def test_without_a_validated_epoch_there_is_none(resume):
    assert best_so_far(best_at(""), resume) == ""


@pytest.fixture
def trained(resume, tiny_dataset):
    """A component that was trained for an epoch; its checkpoints lie at `resume`."""
    component = PointPredictorComponent(optimizer=ADAM, hidden_size=8)
    kept = [BestCheckpoint(resume.parent, component, None), LastCheckpoint(resume.parent)]
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, logger=False, callbacks=kept, enable_progress_bar=False)
    trainer.fit(component, datamodule=FilmDataModule(tiny_dataset, component, batch_size=8))
    return component


def test_a_run_is_not_resumed_on_other_films(resume, trained, tiny_dataset, monkeypatch):
    resume_from(resume, trained, tiny_dataset)
    monkeypatch.setattr(type(tiny_dataset), "fingerprint", "others")
    with pytest.raises(
        ValueError, match=r"films of the run in `.*last\.ckpt`, but those of `dataset=tiny` are others.* Repeat its `dataset`"
    ):
        resume_from(resume, trained, tiny_dataset)


def test_a_run_resumes_that_was_begun_before_films_were_told(resume, trained, tiny_dataset):
    content = torch.load(resume, weights_only=True)
    del content["FilmDataModule"]
    torch.save(content, resume)
    resume_from(resume, trained, tiny_dataset)


def test_a_run_whose_best_epoch_is_gone_is_not_resumed(resume, trained, tiny_dataset):
    resume_from(resume, trained, tiny_dataset)
    resume.with_name("best.ckpt").unlink()
    with pytest.raises(FileNotFoundError, match=r"`.*best\.ckpt` or beside `.*`, but found neither\. Put its `best\.ckpt` there"):
        resume_from(resume, trained, tiny_dataset)


@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt", "score.json"])
def test_a_folder_of_another_training_is_refused(tmp_path, name):
    (tmp_path / "run.json").touch()
    check_unused(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"a folder without a training, but `.*` holds {name}\. Name another one, .* or delete it\."):
        check_unused(tmp_path)
    (tmp_path / "hpc_ckpt_1.ckpt").touch()
    check_unused(tmp_path)
