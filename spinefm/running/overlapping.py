"""Reading and writing while the networks work: in a thread of their own, a few items ahead or behind, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

AHEAD = 4
"""Films that are read before the networks want them, and that wait to be written."""


def read_ahead(items: Iterable[ItemT], number: int = AHEAD) -> Iterator[ItemT]:
    """Take items from their source before they are asked for, `number` of them at most; what it raises is raised in their turn."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as reader:
        coming = deque(reader.submit(next, source, end) for _ in range(number))
        while (item := coming.popleft().result()) is not end:
            coming.append(reader.submit(next, source, end))
            yield item  # type: ignore[misc] # `end` is none of them


def work_behind(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], number: int = AHEAD) -> Iterator[ResultT]:
    """Call a function on each item while the next ones are made, `number` calls behind at most; what it raises is raised in its turn."""
    pending = deque[Future[ResultT]]()
    with ThreadPoolExecutor(1) as worker:
        for item in items:
            pending.append(worker.submit(function, item))
            if len(pending) > number:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
