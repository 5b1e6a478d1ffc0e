"""Which view a film to be segmented is of."""

from dataclasses import dataclass
from typing import Self

from spinefm.structures import View


@dataclass(frozen=True)
class ViewRule:
    """Which view a film is of, whatever its file says.

    Attributes:
        chosen: That of all films; None takes what each file says.
    """

    chosen: View | None = None

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
        return self.chosen or told
