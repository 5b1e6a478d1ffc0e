"""Loaders: whose films, in which order, at which size."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset

from spinefm.components import COMPONENTS, PointPredictorComponent, ResNetComponent
from spinefm.data.dataset import Films, RadiographDataset
from spinefm.data.views.sampling import ItemKey
from spinefm.training.films import FilmDataModule

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001}


class Recorder(Dataset):
    """A view that notes what it is asked for."""

    def __init__(self, films, training):
        self.films, self.training, self.keys = films, training, []

    def __len__(self):
        return 5

    def __getitem__(self, key):
        self.keys.append(key)
        return torch.tensor([key.epoch, key.index])


class RecordingComponent(PointPredictorComponent):
    """Trains on nothing and keeps its views."""

    collate = staticmethod(torch.stack)

    def view(self, films, training):
        view = Recorder(films, training)
        self.views = [*getattr(self, "views", []), view]
        return view

    def transfer_batch_to_device(self, batch, device, dataloader_idx):
        return batch

    def training_step(self, batch, batch_idx):
        return self.model.fc1.weight.sum()

    def validation_step(self, batch, batch_idx):
        pass


@pytest.fixture
def recording():
    return RecordingComponent(optimizer=ADAM, seed=3)


@pytest.mark.parametrize(
    ("loader", "split", "training"),
    [("train_dataloader", "train", True), ("val_dataloader", "val", False), ("test_dataloader", "test", False)],
)
def test_each_loader_reads_its_split(recording, tiny_dataset, loader, split, training):
    batches = list(getattr(FilmDataModule(tiny_dataset, recording, batch_size=2), loader)())
    (view,) = recording.views
    assert [film.film_id for film in view.films] == [film.film_id for film in tiny_dataset.split(split)]
    assert view.training is training
    assert [len(batch) for batch in batches] == [2, 2, 1]
    order = [key.index for key in view.keys]
    assert sorted(order) == list(range(5))
    assert (order == sorted(order)) is not training


def test_the_order_follows_the_components_seed(tiny_dataset):
    orders = set()
    for seed in range(4):
        component = RecordingComponent(optimizer=ADAM, seed=seed)
        list(FilmDataModule(tiny_dataset, component, batch_size=5).train_dataloader())
        orders.add(tuple(key.index for key in component.views[0].keys))
    assert len(orders) > 1


def test_training_goes_through_the_epochs_numbers(recording, tiny_dataset):
    """Lightning tells the sampler the epoch, and with it what the items are drawn from."""
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(recording, datamodule=FilmDataModule(tiny_dataset, recording, batch_size=2))
    keys = next(view.keys for view in recording.views if view.training)
    assert [key.epoch for key in keys] == [0] * 5 + [1] * 5 + [2] * 5
    assert all({key.index for key in keys[5 * epoch : 5 * epoch + 5]} == set(range(5)) for epoch in range(3))


class Counting(RadiographDataset):
    """Notes which films are read."""

    name, landmarks, terminals, fingerprint = "counting", (), (), ""

    def __init__(self, dataset, cache_dir=None):
        self.dataset, self.cache_dir, self.read = dataset, cache_dir, []

    def split(self, split):
        films = self.dataset.split(split)
        return Films(
            range(len(films)), lambda index: self.read.append(f"{split} {index}") or films[index], lambda index: f"{split} {index}"
        )


def test_each_split_is_read_once_and_when_it_is_asked_for(recording, tiny_dataset):
    dataset = Counting(tiny_dataset)
    module = FilmDataModule(dataset, recording, batch_size=2)
    module.prepare_data()
    assert dataset.read == []
    for _ in range(2):
        module.train_dataloader(), module.val_dataloader()
        assert module.films("train") is module.films("train")
    assert dataset.read == ["train 0", "train 1", "train 2", "val 0"]
    module.test_dataloader()
    assert dataset.read[4:] == ["test 0", "test 1"]


def test_films_of_a_training_are_kept_before_other_processes_look(recording, tiny_dataset, tmp_path):
    first, second = Counting(tiny_dataset, tmp_path), Counting(tiny_dataset, tmp_path)
    FilmDataModule(first, recording, batch_size=2).prepare_data()
    assert first.read == ["train 0", "train 1", "train 2", "val 0"]
    other = FilmDataModule(second, recording, batch_size=2)
    other.prepare_data()
    other.train_dataloader(), other.val_dataloader()
    assert second.read == []


def test_which_films_train_is_told_as_it_was_when_a_training_began(recording, tiny_dataset, monkeypatch):
    """And is not asked for where none begins."""
    asked = []
    monkeypatch.setattr(type(tiny_dataset), "training_films", property(lambda dataset: asked.append(dataset) or f"{len(asked)}"))
    module = FilmDataModule(tiny_dataset, recording, batch_size=2)
    module.setup("test")
    list(module.test_dataloader())
    assert asked == []
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False
    )
    trainer.fit(recording, datamodule=module)
    assert module.state_dict() == module.state_dict() == {"training_films": "1"} and asked == [tiny_dataset]


def test_films_are_shrunk_to_the_longest_side(recording, tiny_dataset):
    list(FilmDataModule(tiny_dataset, recording, batch_size=2, max_side=80).val_dataloader())
    list(FilmDataModule(tiny_dataset, recording, batch_size=2).val_dataloader())
    assert [view.films[0].size for view in recording.views] == [(80, 48), (160, 96)]


@pytest.mark.parametrize("name", ["resnet", "sam_adapter"])
def test_patches_of_so_many_pixels_need_films_at_full_size(tiny_modules, tiny_dataset, name):
    classes = {"landmarks": ["L5"], "terminals": ["L5"]} if name == "resnet" else {}
    component = COMPONENTS[name](**tiny_modules[name] | classes, patch_pixels=40)
    assert FilmDataModule(tiny_dataset, component, batch_size=2).max_side is None
    with pytest.raises(ValueError, match=r"full size for `patch_pixels=40`, but got `max_side=80`"):
        FilmDataModule(tiny_dataset, component, batch_size=2, max_side=80)


def test_workers_give_the_same_items(tiny_dataset):
    component = ResNetComponent(optimizer=ADAM, landmarks=["L5"], terminals=["L5"], architecture="resnet18", input_size=16)

    def batches(num_workers):
        loader = FilmDataModule(tiny_dataset, component, batch_size=16, num_workers=num_workers).train_dataloader()
        loader.sampler.set_epoch(2)
        return list(loader)

    here, there = batches(0), batches(2)
    assert len(here) == 3  # 2 x 21 patches.
    for mine, theirs in zip(here, there, strict=True):
        assert torch.equal(mine[0], theirs[0]) and torch.equal(mine[1], theirs[1])


def test_whole_batches_of_trails_pass_through(tiny_dataset):
    component = PointPredictorComponent(optimizer=ADAM)
    (batch,) = FilmDataModule(tiny_dataset, component, batch_size=100).train_dataloader()
    assert batch.centroids.shape == (3 * 2 * 4, 3, 2)
    view = component.view(tiny_dataset.split("val"), training=False)
    assert torch.equal(view[ItemKey(0, 0)].centroids, next(iter(FilmDataModule(tiny_dataset, component, 1).val_dataloader())).centroids)
