"""Publishing: the trained component and nothing of its training, whole or not at all."""

import pytest
import pytorch_lightning as pl
import torch

from spinefm.components import PointPredictorComponent, ResNetComponent
from spinefm.training.films import FilmDataModule
from spinefm.training.publish import TRAINING_STATE, publish_checkpoint

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001}


@pytest.fixture(scope="module")
def checkpoint(tiny_dataset, tmp_path_factory):
    component = PointPredictorComponent(optimizer=ADAM, hidden_size=8)
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.fit(component, datamodule=FilmDataModule(tiny_dataset, component, batch_size=8))
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    trainer.save_checkpoint(path)
    return path


def test_a_published_checkpoint_gives_the_same_component(checkpoint, tmp_path):
    published = publish_checkpoint(checkpoint, "point_predictor", tmp_path / "new" / "folder")
    assert published == tmp_path / "new" / "folder" / "point_predictor.ckpt"
    assert [path.name for path in published.parent.iterdir()] == ["point_predictor.ckpt"]
    mine, original = PointPredictorComponent.load(published), PointPredictorComponent.load(checkpoint)
    assert mine.hparams == original.hparams
    assert all(torch.equal(value, original.state_dict()[key]) for key, value in mine.state_dict().items())


def test_the_state_of_training_stays_behind(checkpoint, tmp_path):
    published = publish_checkpoint(checkpoint, "point_predictor", tmp_path)
    before, after = (torch.load(path, weights_only=True) for path in (checkpoint, published))
    assert set(TRAINING_STATE) < set(before)
    assert set(after) == set(before) - set(TRAINING_STATE)


def test_a_folder_may_be_named_by_digits(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert publish_checkpoint(checkpoint, "point_predictor", 2024).is_file() and (tmp_path / "2024").is_dir()


def test_an_older_one_is_replaced(checkpoint, tmp_path):
    (tmp_path / "point_predictor.ckpt").write_text("older")
    PointPredictorComponent.load(publish_checkpoint(checkpoint, "point_predictor", tmp_path))


@pytest.mark.parametrize("fault", ["another component", "missing", "while writing"])
def test_what_is_published_stays_when_publishing_fails(checkpoint, tmp_path, monkeypatch, fault):
    published = tmp_path / ("resnet.ckpt" if fault == "another component" else "point_predictor.ckpt")
    published.write_text("older")

    def full_disk(content, path):
        path.write_text("half")
        raise OSError("no space left")

    if fault == "another component":
        with pytest.raises(ValueError, match=r"Expected a resnet checkpoint at .*, but it is of point_predictor"):
            publish_checkpoint(checkpoint, ResNetComponent.name, tmp_path)
    elif fault == "missing":
        with pytest.raises(FileNotFoundError, match="No point_predictor checkpoint"):
            publish_checkpoint(tmp_path / "absent.ckpt", "point_predictor", tmp_path)
    else:
        monkeypatch.setattr("spinefm.files.torch_files.torch.save", full_disk)
        with pytest.raises(OSError, match="no space"):
            publish_checkpoint(checkpoint, "point_predictor", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [published.name]
    assert published.read_text() == "older"
