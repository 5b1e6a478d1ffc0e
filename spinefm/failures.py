"""How a script ends when its input is at fault: one sentence, and an exit code that is not 0."""

import os
import sys
from collections.abc import Callable

from hydra.errors import HydraException, InstantiationException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

INPUT_FAULTS = (ValueError, OSError, HydraException, OmegaConfBaseException)


def run_script(main: Callable[[], object]) -> None:
    """Run a Hydra main; a fault of the input becomes one sentence on the error stream, `HYDRA_FULL_ERROR=1` shows the trace."""
    trace_wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra would print a trace of its own and exit; like this it lets the exception through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
    except INPUT_FAULTS as error:
        if trace_wanted:
            raise
        sys.exit(f"Error: {_sentence(error)}")


def _sentence(error: BaseException) -> str:
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        return _sentence(error.__cause__)
    if isinstance(error, MissingMandatoryValue):
        return f"Expected a value for `{error.full_key}`, but none was given. Add `{error.full_key}=...` to the command."
    return str(error)
