"""Components that were trained for two steps, once per session."""

import pytest
import pytorch_lightning as pl

from spinefm.components import COMPONENTS
from spinefm.training.films import FilmDataModule


def _build(name, modules, dataset, **options):
    classes = {"landmarks": dataset.landmarks, "terminals": dataset.terminals} if name == "resnet" else {}
    return COMPONENTS[name](**modules[name] | classes | options)


@pytest.fixture(scope="session")
def build(tiny_modules, tiny_dataset):
    """Makes a tiny component of that name; options replace its arguments."""

    def make(name, **options):
        pl.seed_everything(0, verbose=False)
        return _build(name, tiny_modules, tiny_dataset, **options)

    return make


@pytest.fixture(scope="session")
def fit(tiny_dataset):
    """Trains a component for a few steps; gives the trainer."""

    def run(component, steps=2):
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_train_batches=steps,
            limit_val_batches=2,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(component, datamodule=FilmDataModule(tiny_dataset, component, batch_size=2))
        return trainer

    return run


@pytest.fixture(scope="session")
def fitted(build, fit, tmp_path_factory):
    """(component, trainer, checkpoint path) by name, each trained when first asked for."""
    folder, done = tmp_path_factory.mktemp("fitted"), {}

    def get(name):
        if name not in done:
            component = build(name)
            trainer = fit(component)
            path = folder / f"{name}.ckpt"
            trainer.save_checkpoint(path)
            done[name] = component, trainer, path
        return done[name]

    return get
