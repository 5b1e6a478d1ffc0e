"""How a script ends when its input is at fault: one sentence, and an exit code that is not 0."""

import os
import re
import sys
from collections.abc import Callable

from hydra.errors import HydraException, InstantiationException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

INPUT_FAULTS = (ValueError, OSError, HydraException, OmegaConfBaseException, YAMLError)
INTERRUPTED = 128 + 2
"""Exit code by the convention of shells: the signal was SIGINT."""

QUIET = "SPINEFM_QUIET"
"""Set in the environment of processes that a script starts, which find `HYDRA_FULL_ERROR` set by the script and not by the user."""


def run_script(main: Callable[[], object]) -> None:
    """Run a Hydra main; a fault of the input, or Ctrl-C, becomes one sentence on the error stream, `HYDRA_FULL_ERROR=1` shows the trace."""
    before = {name: os.environ.get(name) for name in ("HYDRA_FULL_ERROR", QUIET)}
    trace_wanted = before == {"HYDRA_FULL_ERROR": "1", QUIET: None}
    # Hydra would print a trace of its own and exit; like this it lets the exception through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if not trace_wanted:
        os.environ[QUIET] = "1"
    try:
        main()
    except INPUT_FAULTS as error:
        if trace_wanted:
            raise
        sys.exit(f"Error: {_sentence(error)}")
    except KeyboardInterrupt:
        if trace_wanted:
            raise
        sys.stderr.write("Interrupted. What was finished until then is kept.\n")
        sys.exit(INTERRUPTED)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


NO_TRIAL = "Record does not exist."
"""What Optuna says at the end of a sweep in which every trial failed."""


def _sentence(error: BaseException) -> str:
    if str(error) == NO_TRIAL:
        return "Expected a trial to succeed, but all failed. What each of them said stands above."
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"full_key: (\S+)", str(error))
        # What Lightning says of devices that are not there names no option.
        hint = f" Check `{key[1]}`." if key and not isinstance(error.__cause__, INPUT_FAULTS) else ""
        return _sentence(error.__cause__) + hint
    # Without its cause, which it loses between processes, only its text tells what it was.
    if isinstance(error, InstantiationException) and (inner := re.search(r"^\w+\((['\"])(.*)\1\)$", str(error), re.MULTILINE)):
        return inner[2]
    if isinstance(error, MissingMandatoryValue):
        return f"Expected a value for `{error.full_key}`, but none was given. Add `{error.full_key}=...` to the command."
    return str(error)
