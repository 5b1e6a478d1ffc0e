"""When samples are drawn, which ones, and what a drawing leaves alone."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import WandbLogger

from spinefm.components import PointPredictorComponent, ResNetComponent, Sample
from spinefm.training import samples as drawing
from spinefm.training.films import FilmDataModule
from spinefm.training.samples import MAX_SIDE, NUM_SAMPLES, SamplePredictions, draw_samples, is_due, show

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001}


@pytest.fixture
def classifier():
    return ResNetComponent(ADAM, ["L5"], ["L5"], architecture="resnet18", input_size=16).eval()


def test_epochs_at_which_samples_are_drawn():
    assert [epoch for epoch in range(1, 51) if is_due(epoch, 50)] == [1, 2, 4, 8, 16, 32, 50]
    assert sum(is_due(epoch, 10_000) for epoch in range(1, 10_001)) == 15


def test_samples_come_from_all_over_the_view(classifier, tiny_dataset):
    view = FilmDataModule(tiny_dataset, classifier, batch_size=4).train_dataloader().dataset
    samples = draw_samples(classifier, view)
    assert len(samples) == NUM_SAMPLES
    assert [sample.facts["film"] for sample in samples] == sorted(sample.facts["film"] for sample in samples)
    assert len({sample.facts["film"] for sample in samples}) == 3
    assert {sample.facts["true"] == "background" for sample in samples} == {True, False}


def test_a_small_view_is_shown_whole(tiny_dataset):
    component = PointPredictorComponent(ADAM)
    view = component.view(tiny_dataset.split("val"), training=False)
    view.runs, view.sizes, view.run_films = view.runs[:3], view.sizes[:3], view.run_films[:3]
    assert len(draw_samples(component, view)) == 3


def test_random_generators_stay_where_they_are(classifier, tiny_dataset):
    view = classifier.view(tiny_dataset.split("val"), training=False)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    draw_samples(classifier, view)
    assert torch.equal(torch.get_rng_state(), before[0]) and np.random.get_state()[1].tolist() == before[1]


class Shown(WandbLogger):
    """Keeps what it is shown."""

    experiment = None

    def __init__(self):
        super().__init__()
        self.images, self.tables = [], []

    def log_hyperparams(self, params):
        pass

    def log_metrics(self, metrics, step=None):
        pass

    def log_image(self, key, images, step=None, **options):
        self.images.append((key, images, step, options))

    def log_table(self, key, columns=None, data=None, dataframe=None, step=None):
        self.tables.append((key, columns, data, step))


@pytest.mark.parametrize("epochs", [3, 5])
def test_training_shows_samples_at_the_steps_of_its_validations(tiny_dataset, epochs):
    component, logger = PointPredictorComponent(ADAM), Shown()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=logger,
        callbacks=[SamplePredictions()],
        limit_train_batches=2,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(component, datamodule=FilmDataModule(tiny_dataset, component, batch_size=4))
    assert [step for *_, step, _ in logger.images] == [2 * epoch - 1 for epoch in {3: (1, 2, 3), 5: (1, 2, 4, 5)}[epochs]]
    assert [step for *_, step in logger.tables] == [step for *_, step, _ in logger.images]


def test_without_wandb_nothing_is_drawn(tiny_dataset, monkeypatch):
    monkeypatch.setattr(drawing, "draw_samples", lambda *arguments: pytest.fail("drawn"))
    component = PointPredictorComponent(ADAM)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, callbacks=[SamplePredictions()], **quiet)
    trainer.fit(component, datamodule=FilmDataModule(tiny_dataset, component, batch_size=8))
    assert trainer.current_epoch == 1


def test_pictures_are_shrunk_with_their_masks_which_have_numbers_of_their_own():
    picture = np.full((2 * MAX_SIDE, MAX_SIDE), 200, np.uint8)
    found = np.zeros(picture.shape, bool)
    found[:MAX_SIDE] = True
    logger = Shown()
    show(logger, [Sample(picture, {"found": found, "true": ~found}, {"film": "a", "dice": 0.12345, "found": 3})], 7)
    ((key, (image,), step, options),) = logger.images
    assert key == "val/samples" and step == 7 and image.size == (MAX_SIDE // 2, MAX_SIDE)
    assert options["caption"] == ["film a, dice 0.123, found 3"]
    (masks,) = options["masks"]
    assert masks["found"]["class_labels"] == {1: "found"} and masks["true"]["class_labels"] == {2: "true"}
    whole = masks["found"]["mask_data"].astype(int) + masks["true"]["mask_data"]
    assert whole.shape == image.size[::-1] and set(whole[: MAX_SIDE // 2].flat) == {1} and set(whole[MAX_SIDE // 2 :].flat) == {2}
    assert logger.tables == [("val/samples_table", ["film", "dice", "found"], [["a", 0.12345, 3]], 7)]
