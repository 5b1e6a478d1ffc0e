"""A data set's films, as one component is trained and tested on them."""

from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from spinefm.components import Component
from spinefm.data.cache import CachedFilms
from spinefm.data.dataset import RadiographDataset
from spinefm.data.views.sampling import EpochSampler
from spinefm.structures import Split
from spinefm.training.throughput import TimedLoader

TRAINING_FILMS = "training_films"


class FilmDataModule(pl.LightningDataModule):
    """Loaders of a component's view of each split; what an epoch sees depends on (seed, epoch) alone."""

    def __init__(
        self, dataset: RadiographDataset, component: Component, batch_size: int, num_workers: int = 0, max_side: int | None = None
    ) -> None:
        """Keep what the loaders need.

        Args:
            dataset: The films.
            component: Whose view of them.
            batch_size: Items in a batch.
            num_workers: Processes that prepare batches; 0 prepares them in the main one.
            max_side: Films are shrunk to this many pixels on their longer side; None leaves their size.

        Raises:
            ValueError: If the component's patches are measured in pixels of the original films, and these are shrunk.
        """
        super().__init__()
        rule = getattr(component, "patch_rule", None)
        if max_side is not None and rule is not None and rule.pixels is not None:
            raise ValueError(
                f"Expected films at full size for `patch_pixels={rule.pixels}`, but got `max_side={max_side}`. "
                "Set `component.loader.max_side=null` or `component.module.patch_pixels=null`."
            )
        self.dataset, self.component = dataset, component
        self.batch_size, self.num_workers, self.max_side = batch_size, num_workers, max_side
        self._films: dict[Split, CachedFilms] = {}

    def setup(self, stage: str) -> None:
        """See Lightning. By the end of a training the films' files may be gone."""
        if stage == "fit":
            self._training_films = self.dataset.training_films

    def state_dict(self) -> dict[str, Any]:
        """Which films these are, for the checkpoints of the run: it goes on with no others."""
        return {TRAINING_FILMS: self._training_films}

    def prepare_data(self) -> None:
        """Read the films of a training, in one process before the others, which then find them on disk.

        Raises:
            ValueError: If there are none to train on or none to validate with, before any is read.
        """
        used: tuple[Split, ...] = ("train", "val")
        for split in used:
            self.dataset.some_of(split)
        if self.dataset.cache_dir is not None:
            for split in used:
                self.films(split)

    def films(self, split: Split) -> CachedFilms:
        """The films of a split, all of them read."""
        if split not in self._films:
            films = CachedFilms(self.dataset.some_of(split), self.max_side, self.dataset.cache_dir)
            films.read_all(f"Reading {split} films")
            self._films[split] = films
        return self._films[split]

    def loader(self, split: Split, training: bool) -> DataLoader[Any]:
        """The component's view of a split; shuffled and augmented if `training`."""
        view = self.component.view(self.films(split), training)
        return TimedLoader(
            view,
            batch_size=self.batch_size,
            sampler=EpochSampler(len(view), self.component.seed, shuffle=training),  # type: ignore[arg-type]
            num_workers=self.num_workers,
            collate_fn=self.component.collate,
            persistent_workers=self.num_workers > 0,
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled and augmented."""
        self.component.learn_from(self.films("train"))
        return self.loader("train", training=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """In order, not augmented."""
        return self.loader("val", training=False)

    def test_dataloader(self) -> DataLoader[Any]:
        """In order, not augmented."""
        return self.loader("test", training=False)
