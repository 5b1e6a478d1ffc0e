"""The commands around the store of weights, as users run them."""

import os
import subprocess
import sys

import pytest

from spinefm import weights
from tests.scripts import ROOT, error_of, run_weights
from tests.weight_store import Store, flip_a_byte


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    return Store(tmp_path, monkeypatch)


@pytest.fixture
def run(capsys):
    """Run the script; gives what it prints."""

    def call(*arguments):
        run_weights(*arguments)
        return capsys.readouterr().out

    return call


def fails(*arguments):
    """Run the script, which has to fail; gives what it says."""
    return error_of(run_weights, *arguments)


def row(table, name):
    (line,) = [line for line in table.splitlines() if f" {name} " in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_list_shows_what_there_is_and_where(store, run):
    store.put("tiny")
    store.install("packed")
    table = run("list")
    assert row(table, "tiny") == ["tiny", "tiny.pth", "0 MB", "MIT", "yes"]
    assert [row(table, name)[-1] for name in ("other", "packed")] == ["no", "package"]
    assert f"Store: {store.folder}\n" in table


def test_fetch_verify_and_list(store, run):
    with store.serving("tiny"):
        assert run("fetch", "tiny") == f"tiny: {store.folder}/tiny.pth\n"
    assert run("verify", "tiny") == run("verify") == f"tiny: right, {store.folder}/tiny.pth\n"
    assert row(run("list"), "tiny")[-1] == "yes"


def test_fetch_looks_up_all_names_first(store):
    assert fails("fetch", "tiny", "huge") == "Error: Expected the name of known weights (tiny, other, packed), but got `huge`."
    assert store.kept() == []


def test_a_fetch_that_fails_is_one_sentence(store):
    said = fails("fetch", "tiny")
    assert said.startswith("Error: Could not fetch `tiny` from http://127.0.0.1:1/tiny.pth (ConnectionError). ")
    assert "python -m spinefm.weights import tiny.pth" in said and "\n" not in said


def test_import_takes_several_files_and_can_be_repeated(store, run):
    files = [store.originals / "other.pth", store.originals / "tiny.pth"]
    expected = f"other: {store.folder}/other.pth\ntiny: {store.folder}/tiny.pth\n"
    assert run("import", *files) == run("import", *files) == expected
    assert store.kept() == ["other.pth", "tiny.pth"]


def test_import_refuses_what_it_does_not_know(store):
    flip_a_byte(store.originals / "tiny.pth")
    assert "to be one of tiny (tiny.pth, " in fails("import", store.originals / "tiny.pth")
    assert "No file of weights at `absent.pth`" in fails("import", "absent.pth")


def test_verify_without_names_looks_at_what_is_there(store, run):
    assert run("verify") == f"No weights yet in {store.folder}\n"
    path = store.install("packed")
    assert run("verify") == f"packed: right, {path}\n"


def test_verify_fails_if_one_is_wrong_and_looks_at_all(store, capsys):
    flip_a_byte(store.put("tiny"))
    store.put("other")
    said = fails("verify")
    assert said.startswith(f"Error: 1 of 2 weights are wrong or missing:\n  Expected `{store.folder}/tiny.pth` to be the `tiny` weights (")
    assert capsys.readouterr().out == f"other: right, {store.folder}/other.pth\n"


def test_verify_fails_if_a_named_one_is_missing(store):
    store.put("tiny")
    said = fails("verify", "tiny", "other", "packed")
    assert "2 of 3 weights" in said and "fetch other" in said and "pip install -e '.[packed]'" in said
    assert "but got `huge`" in fails("verify", "huge")


@pytest.mark.parametrize("arguments", [[], ["fetch"], ["import"], ["remove"], ["list", "tiny"]])
def test_a_command_that_cannot_be_read_shows_the_usage(store, run, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m spinefm.weights")


def test_every_command_says_what_it_does(store, run, capsys):
    with pytest.raises(SystemExit) as caught:
        run("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0
    assert all(f"{name} {command.run.__doc__}" in shown for name, command in weights.COMMANDS.items())


def test_it_runs_as_a_module(tmp_path):
    environment = os.environ | {"SPINEFM_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment.pop("HYDRA_FULL_ERROR", None)
    command = [sys.executable, "-m", "spinefm.weights", "verify", "sam_vit_b"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Error: 1 of 1 weights are wrong or missing:\n  No `sam_vit_b` weights at ")
    assert "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth" in done.stderr
