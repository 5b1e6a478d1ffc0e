"""Items in order, a bounded number ahead or behind, and errors in their turn."""

import threading

import pytest

from spinefm.running.overlapping import read_ahead, work_behind


def counted(number, taken):
    for item in range(number):
        taken.append(item)
        yield item


@pytest.mark.parametrize("ahead", [1, 3])
def test_items_come_in_order_and_no_more_than_so_many_ahead(ahead):
    taken = []
    for item in read_ahead(counted(20, taken), ahead):
        assert len(taken) <= item + 1 + ahead
    assert taken == list(range(20))
    assert list(read_ahead([], ahead)) == []


@pytest.mark.parametrize("behind", [0, 2])
def test_results_come_in_order_and_no_more_than_so_many_behind(behind):
    taken = []
    for number, result in enumerate(work_behind(lambda item: item**2, counted(20, taken), behind)):
        assert result == number**2
        assert len(taken) <= number + 1 + behind
    assert len(taken) == 20


def test_both_work_in_a_thread_of_their_own():
    def names():
        for _ in range(3):
            yield threading.current_thread().name

    here = threading.current_thread().name
    assert here not in set(read_ahead(names(), 2))
    assert here not in set(work_behind(lambda _: threading.current_thread().name, range(3), 1))


def failing_at(number):
    for item in range(10):
        if item == number:
            raise OSError("no such film")
        yield item


def test_an_error_of_the_source_comes_in_its_turn():
    seen = []
    with pytest.raises(OSError, match="no such film"):
        for item in read_ahead(failing_at(4), 3):
            seen.append(item)
    assert seen == [0, 1, 2, 3]


def test_an_error_of_the_work_comes_in_its_turn():
    seen = []
    with pytest.raises(ZeroDivisionError):
        for result in work_behind(lambda item: 6 // (3 - item), range(10), 2):
            seen.append(result)
    assert seen == [2, 3, 6]


def test_who_stops_early_leaves_nothing_running():
    taken = []
    reading = read_ahead(counted(1000, taken), 3)
    assert next(reading) == 0
    reading.close()
    assert len(taken) <= 5
