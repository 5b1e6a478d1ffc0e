"""How a script ends when its input is at fault: one sentence, and an exit code that is not 0."""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from hydra.errors import ConfigCompositionException, HydraException, InstantiationException, OverrideParseException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from spinefm.files.atomic import write_text

log = logging.getLogger(__name__)

INPUT_FAULTS = (ValueError, OSError, HydraException, OmegaConfBaseException, yaml.YAMLError)
INTERRUPTED = 128 + 2
"""Exit code by the convention of shells: the signal was SIGINT."""

QUIET = "SPINEFM_QUIET"
"""Set in the environment of processes that a script starts, which find `HYDRA_FULL_ERROR` set by the script and not by the user."""

FAILURE = "failure.txt"
"""Why a job of a multirun failed, in its folder; Hydra tells the first of them only, and jobs may run in processes of their own."""


class JobError(ValueError):
    """A job of a multirun failed. Its arguments, which is what passes between processes: the reason, and the job's folder."""

    def __str__(self) -> str:
        return str(self.args[0])


@contextmanager
def failure_kept(folder: Path) -> Iterator[None]:
    """Around a job of a multirun: why it failed is written into its folder, for when the multirun ends.

    Raises:
        JobError: If it failed. The trace of a fault of the code is logged.
    """
    try:
        yield
    except Exception as error:
        reason = _sentence(error)
        if not isinstance(error, INPUT_FAULTS):
            reason = f"{type(error).__name__}: {error}"
            log.exception("The job in `%s` failed.", folder)
        write_text(folder / FAILURE, reason)
        raise JobError(reason, str(folder)) from error
    (folder / FAILURE).unlink(missing_ok=True)


def forget_failures(sweep: Path) -> None:
    """Before a multirun: jobs that failed in an earlier one of its folder are not told with its own."""
    for path in sweep.glob(f"*/{FAILURE}"):
        path.unlink(missing_ok=True)


def _failed_jobs(sweep: Path, reason: str) -> str:
    """A line for each job of a sweep that failed: its folder, the options that not all jobs have, and why; `reason` if none is known."""
    options = {path.parents[1]: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sweep.glob("*/.hydra/overrides.yaml")}
    shared = set.intersection(*map(set, options.values())) if options else set()
    failed = sorted((path.parent for path in sweep.glob(f"*/{FAILURE}")), key=lambda job: (len(job.name), job.name))
    if not failed:  # another multirun in this folder has forgotten it, or done the job by now
        return reason
    lines = [" ".join([job.name, *(option for option in options.get(job, ()) if option not in shared)]) for job in failed]
    reasons = [(job / FAILURE).read_text(encoding="utf-8").partition("\n")[0] for job in failed]
    told = [f"{line}: {reason}" for line, reason in zip(lines, reasons, strict=True)]
    return "\n  ".join([f"Expected every job of `{sweep}` to succeed, but {len(failed)} failed:", *told])


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
    if isinstance(error, JobError):
        return _failed_jobs(Path(error.args[1]).parent, str(error))
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"full_key: (\S+)", str(error))
        # What Lightning says of devices that are not there names no option.
        hint = f" Check `{key[1]}`." if key and not isinstance(error.__cause__, INPUT_FAULTS) else ""
        return _sentence(error.__cause__) + hint
    # Without its cause, which it loses between processes, only its text tells what it was.
    if isinstance(error, InstantiationException) and (inner := re.search(r"^\w+\((['\"])(.*)\1\)$", str(error), re.MULTILINE)):
        return inner[2]
    if isinstance(error, PermissionError) and error.filename:
        remedy = "Change its permissions, or name another one."
        return f"Expected to be allowed to use `{_named(error.filename)}`, but was not ({error.strerror}). {remedy}"
    return _of_an_option(error) or str(error)


def _of_an_option(error: BaseException) -> str | None:
    """What Hydra says in words that help nobody, or that lead a typing error to an option that nothing reads."""
    if isinstance(error, OverrideParseException):
        remedy = "A value with other signs than ASCII letters, digits and ./_-: wants quotes twice, such as 'input=\"my films\"'."
        return f"Expected `<option>=<value>`, but got `{error.override}`. {remedy}"
    if isinstance(error, ConfigCompositionException) and (name := re.match(r"Could not override '(\S+)'", str(error))):
        besides = f" One that a component, the data set or Lightning takes besides is given as `+{name[1]}=...`." * ("." in name[1])
        return unknown_option(name[1]) + besides
    if isinstance(error, MissingMandatoryValue):
        return f"Expected a value for `{error.full_key}`, but none was given. Add `{error.full_key}=...` to the command."
    return None


def unknown_option(name: str) -> str:
    """What is said of an option that a script does not have."""
    return f"Expected options of this script, but it has none called `{name}`. `--help` lists them."


def _named(file: object) -> object:
    """A file, or the folder of one that is temporary, which its user has never seen."""
    return Path(file).parent if isinstance(file, str) and Path(file).name.startswith(".") else file
