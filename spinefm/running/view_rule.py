"""Which view a film to be segmented is of."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from spinefm.structures import View

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ViewRule:
    """Which view a film is of, whatever its file says, or where it does not.

    Attributes:
        chosen: That of all films; None takes what each file says.
        otherwise: That of films whose file does not say it.
    """

    chosen: View | None = None
    otherwise: View = View.UNKNOWN

    @classmethod
    def of(cls, chosen: str | None) -> Self:
        """The rule of a config.

        Raises:
            ValueError: If there is no such view.
        """
        if chosen not in (None, *View):
            raise ValueError(f"Expected `view` to be null or one of {', '.join(View)}, but got `{chosen}`.")
        return cls(None if chosen is None else View(chosen))

    def view_of(self, told: View) -> View:
        """Of a film whose file says `told`."""
        return self.chosen or (self.otherwise if told == View.UNKNOWN else told)

    def learned(self, trained: Iterable[Sequence[str] | None]) -> Self:
        """The same, and films whose file does not say it are of the view of those on which the pipeline was trained, if that is one.

        Args:
            trained: Views of the films on which each component was trained; None where that is not known.
        """
        of_all = {tuple(views) if views else None for views in trained}
        (views,) = of_all if len(of_all) == 1 else (None,)
        if self.chosen or views is None or len(views) != 1 or views[0] not in set(View) - {View.UNKNOWN}:
            return self
        log.info("Films whose files do not say their view are taken as `%s`, as all of the training were; else give `view=`.", views[0])
        return replace(self, otherwise=View(views[0]))
