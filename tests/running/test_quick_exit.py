"""Ending a process at once, after all that was written."""

import subprocess
import sys

SCRIPT = """
import atexit, logging, sys
from spinefm.running.quick_exit import quick_exit

atexit.register(print, "taken apart")
logging.basicConfig(filename=sys.argv[1])
logging.warning("logged")
print("written")
sys.stderr.write("told")
quick_exit()
print("not reached")
"""


def test_what_was_written_is_there_and_nothing_else_is_done(tmp_path):
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", SCRIPT, log], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "written\n", "told")
    assert "logged" in log.read_text()


def test_without_anybody_to_write_to(tmp_path):
    """As daemons start processes."""
    command = f"{sys.executable} -c 'from spinefm.running.quick_exit import quick_exit; quick_exit()' >&- 2>&-"
    assert subprocess.run(command, shell=True, check=False).returncode == 0
