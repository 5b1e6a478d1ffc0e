"""How fast a training goes, against a clock that the test holds."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from spinefm.training import throughput
from spinefm.training.throughput import Throughput, TimedLoader


class Clock:
    """Advances when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


class Numbers(torch.utils.data.Dataset):
    """Each takes two seconds to come."""

    def __init__(self, clock):
        self.clock = clock

    def __len__(self):
        return 10

    def __getitem__(self, index):
        self.clock.now += 2
        return torch.zeros(1)


class Module(pl.LightningModule):
    """Each batch takes three seconds; validation takes hours."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.layer = clock, torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        self.clock.now += 3
        return self.layer(batch).sum()

    def validation_step(self, batch, batch_idx):
        self.clock.now += 7200

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize(("limit", "samples", "fetched", "batches"), [(1.0, 10, 10, 3), (2, 8, 8, 2)])
def test_samples_and_waiting_of_an_epoch(monkeypatch, limit, samples, fetched, batches):
    """Ten samples in batches of four: all of them, or two batches."""
    clock = Clock()
    monkeypatch.setattr(throughput, "perf_counter", clock)
    loader = TimedLoader(Numbers(clock), batch_size=4)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, limit_train_batches=limit, callbacks=[Throughput()], num_sanity_val_steps=0, **quiet
    )
    trainer.fit(Module(clock), loader, TimedLoader(Numbers(clock), batch_size=4))
    waited, worked = 2 * fetched, 3 * batches
    assert trainer.callback_metrics["train/waiting_share"] == pytest.approx(waited / (waited + worked))
    assert trainer.callback_metrics["train/samples_per_s"] == pytest.approx(samples / (waited + worked))


def test_a_timed_loader_gives_what_a_loader_gives():
    numbers = torch.arange(10)
    for workers in (0, 2):
        loader = TimedLoader(numbers, batch_size=4, num_workers=workers, persistent_workers=workers > 0)
        for _ in range(2):
            assert [batch.tolist() for batch in loader] == [batch.tolist() for batch in DataLoader(numbers, batch_size=4)]
        assert loader.batches == 6 and loader.waited > 0
