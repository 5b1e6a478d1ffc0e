"""Many films at once, one batched call per component and step once they are detected: a new film enters whenever one is done.

What a pipeline does with one film is written down as a generator that asks questions and is sent the answers, as if it were alone.
Here the questions of all films under way are answered together, so that batches stay full to the end and nothing depends on who else is
in them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from spinefm.pipeline.examination import Examiner, Finding, Place
from spinefm.pipeline.protocols import NextPoint
from spinefm.structures import Point, Radiograph, Spine, StopReason, Trails

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Predict:
    """Where do these walks go on? Answered by one point each.

    Attributes:
        film: Of all of them.
        trails: (k, 2) last centroids of each, oldest first, pixels of the film.
    """

    film: Radiograph
    trails: Sequence[NDArray[np.float64]]


@dataclass(frozen=True)
class Examine:
    """What stands there? Answered by a finding each, or by why a walk ends there."""

    places: Sequence[Place]


Question = Predict | Examine
Procedure = Generator[Question, Any, ResultT]
"""What is done with one film, and what comes out."""


@dataclass(frozen=True)
class Crew:
    """The components that answer.

    Attributes:
        predictor: Answers `Predict`.
        examiner: Answers `Examine`.
    """

    predictor: NextPoint
    examiner: Examiner

    def predict(self, questions: Sequence[Predict]) -> list[list[Point]]:
        """One answer per question, all of them in one call."""
        asked = [(question.film, trail) for question in questions for trail in question.trails]
        trails = Trails(
            centroids=torch.from_numpy(np.stack([trail for _, trail in asked])).float(),
            sizes=torch.tensor([film.size[::-1] for film, _ in asked], dtype=torch.float32),
            film_ids=tuple(film.film_id for film, _ in asked),
        )
        points = iter(self.predictor.predict_next(trails).tolist())
        return [[(x, y) for _, (x, y) in zip(question.trails, points, strict=False)] for question in questions]

    def examine(self, questions: Sequence[Examine]) -> list[list[Finding | StopReason]]:
        """One answer per question, all of them in one call."""
        findings = iter(self.examiner.examine([place for question in questions for place in question.places]))
        return [[next(findings) for _ in question.places] for question in questions]

    def answer(self, kind: type[Question], questions: Sequence[Any]) -> Sequence[Any]:
        """One answer per question of that kind."""
        answers: dict[type[Question], Callable[[Sequence[Any]], Sequence[Any]]] = {
            Predict: self.predict,
            Examine: self.examine,
        }
        return answers[kind](questions)


@dataclass(eq=False)
class _Task:
    """A procedure under way: the question it has asked last, or what came out."""

    procedure: Procedure[Spine]
    question: Question | None = None
    result: Spine | None = None

    def go_on(self, answer: Any = None) -> None:
        """Run it to its next question."""
        try:
            self.question = self.procedure.send(answer)
        except StopIteration as stop:
            self.question, self.result = None, stop.value


def run_wavefront(procedures: Iterable[Procedure[Spine]], crew: Crew, capacity: int) -> Iterator[Spine]:
    """Run procedures together.

    Args:
        procedures: One per film; each is taken when there is room for it.
        crew: Answers their questions.
        capacity: How many are under way at once. As many again may be done and wait for one before them.

    Yields:
        What came out of each, in their order.
    """
    coming, tasks = iter(procedures), list[_Task]()
    while True:
        while _answer(tasks, Predict, crew):
            pass
        while tasks and (result := tasks[0].result) is not None:
            tasks.pop(0)
            yield result
        # New ones ask for an examination first, as those under way do next.
        _admit(coming, tasks, capacity)
        if not tasks:
            return
        _answer(tasks, Examine, crew)


def _admit(coming: Iterator[Procedure[Spine]], tasks: list[_Task], capacity: int) -> None:
    """Fill up with new procedures, up to their first examination."""
    while sum(task.result is None for task in tasks) < capacity and len(tasks) < 2 * capacity:
        procedure = next(coming, None)
        if procedure is None:
            return
        tasks.append(_Task(procedure))
        tasks[-1].go_on()


def _answer(tasks: Iterable[_Task], kind: type[Question], crew: Crew) -> bool:
    """Answer all questions of a kind; False if there are none."""
    asking = [task for task in tasks if isinstance(task.question, kind)]
    if asking:
        for task, answer in zip(asking, crew.answer(kind, [task.question for task in asking]), strict=True):
            task.go_on(answer)
    return bool(asking)
