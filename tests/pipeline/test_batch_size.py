"""Calls that shrink when memory runs out, and stay that size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spinefm.pipeline.batch_size import BatchSize
from tests.oracles import OracleSegmenter


class Device:
    """Squares so many numbers at once, no more."""

    def __init__(self, room):
        self.room, self.sizes = room, []

    def square(self, numbers):
        self.sizes.append(len(numbers))
        if len(numbers) > self.room:
            raise torch.OutOfMemoryError
        return (number**2 for number in numbers)


@given(st.integers(0, 40), st.integers(1, 50))
def test_every_item_has_its_result(number, room):
    assert BatchSize().map(Device(room).square, range(number)) == [n**2 for n in range(number)]


def test_all_at_once_while_there_is_room():
    device, batch_size = Device(100), BatchSize()
    for number in (40, 3, 100):
        batch_size.map(device.square, range(number))
    assert device.sizes == [40, 3, 100] and batch_size.limit is None


def test_the_limit_is_found_once():
    device, batch_size = Device(6), BatchSize()
    batch_size.map(device.square, range(20))
    assert device.sizes == [20, 10, 5, 5, 5, 5] and batch_size.limit == 5
    batch_size.map(device.square, range(7))
    assert device.sizes[6:] == [5, 2]


@pytest.mark.parametrize(
    ("size", "device", "limit"), [(1024, "cpu", 1), (1500, "cpu", 1), (256, "cpu", 16), (96, "cpu", 113), (1024, "cuda", None)]
)
def test_large_patches_go_alone_on_a_cpu(size, device, limit):
    network = OracleSegmenter([], input_size=size)
    network.device = torch.device(device)
    assert BatchSize.of_patches(network).limit == limit


def test_no_room_for_a_single_item_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        BatchSize().map(Device(0).square, range(3))


def test_other_errors_are_not_about_memory():
    def fail(numbers):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        BatchSize().map(fail, range(3))
