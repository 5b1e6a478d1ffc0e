"""The order of an epoch: a function of (seed, epoch)."""

import pytest

from spinefm.data.views.sampling import EpochSampler, ItemKey


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_item_once_an_epoch_with_its_number(shuffle):
    sampler = EpochSampler(20, seed=0, shuffle=shuffle)
    keys = epoch_of(sampler, 3)
    assert len(sampler) == 20
    assert sorted(key.index for key in keys) == list(range(20))
    assert {key.epoch for key in keys} == {3}
    assert (keys == [ItemKey(3, index) for index in range(20)]) is not shuffle


def test_order_depends_on_seed_and_epoch_alone():
    sampler = EpochSampler(20, seed=0, shuffle=True)
    first, second = epoch_of(sampler, 0), epoch_of(sampler, 1)
    order = [key.index for key in first]
    assert order != [key.index for key in second]
    # A sampler that starts at epoch 1, as in a resumed run, goes the same way as one that went through epoch 0.
    assert epoch_of(EpochSampler(20, seed=0, shuffle=True), 1) == second
    assert epoch_of(sampler, 0) == first
    assert [key.index for key in epoch_of(EpochSampler(20, seed=1, shuffle=True), 0)] != order


def test_it_starts_at_epoch_0():
    assert list(EpochSampler(5, seed=0, shuffle=True)) == epoch_of(EpochSampler(5, seed=0, shuffle=True), 0)
