"""Which view a film to be segmented is of."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from spinefm.data.problems import DataError, Problem
from spinefm.structures import View

log = logging.getLogger(__name__)

_SIDEWAYS = frozenset({View.LATERAL, View.LATERAL_CERVICAL, View.LATERAL_LUMBAR})


@dataclass(frozen=True)
class ViewRule:
    """Which view a film is of, whatever its file says, or where it does not.

    Attributes:
        chosen: That of all films; None takes what each file says.
        only: The one view that the networks know; None where they know several, or that is not known.
    """

    chosen: View | None = None
    only: View | None = None

    @classmethod
    def of(cls, chosen: str | None) -> Self:
        """The rule of a config.

        Raises:
            ValueError: If there is no such view.
        """
        if chosen not in (None, *View):
            raise ValueError(f"Expected `view` to be null or one of {', '.join(View)}, but got `{chosen}`.")
        return cls(None if chosen is None else View(chosen))

    def view_of(self, path: Path, told: View) -> View:
        """Of a film whose file says `told`.

        Raises:
            DataError: If it says another view than the only one that the networks know: what they find there is nothing to go by.
        """
        if self.chosen or self.only is None:
            return self.chosen or told
        if may_be(told, self.only):
            return self.only
        expected = f"to be a film of the view {self.only}, as all were on which these networks were trained"
        remedy = f"Use networks that know such films, or give `view={self.only}` if its header is wrong."
        raise DataError(Problem(path, expected, told, remedy))

    def learned(self, trained: Iterable[Sequence[str] | None]) -> Self:
        """The same, of networks that know one view only, if that is so.

        Args:
            trained: Views of the films on which each component was trained; None where that is not known.
        """
        only = only_view(trained)
        if only is None:
            return self
        if self.chosen:
            if not may_be(self.chosen, only):
                log.warning("All films of the training were `%s`: on films of `view=%s` results are nothing to go by.", only, self.chosen)
            return self
        log.info("Films whose files do not say their view are taken as `%s`, as all of the training were; else give `view=`.", only)
        return replace(self, only=only)


def only_view(trained: Iterable[Sequence[str] | None]) -> View | None:
    """The one view that networks know; None where they know several, or that is not known.

    Args:
        trained: See `ViewRule.learned`.
    """
    of_all = {tuple(views) if views else None for views in trained}
    (views,) = of_all if len(of_all) == 1 else (None,)
    return View(views[0]) if views and len(views) == 1 and views[0] in set(View) - {View.UNKNOWN} else None


def may_be(told: View, view: View) -> bool:
    """Whether a film of which `told` is known may be of a view."""
    return told in (View.UNKNOWN, view) or (told is View.LATERAL and view in _SIDEWAYS)
