"""experiments/reproduce_csxa from its first command to the last, on a tiny CSXA and with tiny networks."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from spinefm.evaluation import compare
from tests.layouts import csxa
from tests.scripts import BRIEF, ROOT, THE_FOUR, names, read_json, run, run_folder

README = (ROOT / "experiments" / "reproduce_csxa" / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("python ")]


@pytest.fixture
def root(tmp_path):
    """CSXA as published, with the paper's lists of films beside it; one film is in none."""
    csxa.write(tmp_path / "csxa", 9)
    (tmp_path / "csxa" / "data_split").mkdir()
    for split, numbers in {"train": range(4), "val": range(4, 6), "test": range(6, 8)}.items():
        (tmp_path / "csxa" / "data_split" / f"{split}.txt").write_text("\n".join(map(csxa.film_id, numbers)))
    return tmp_path / "csxa"


def test_every_command_runs(root, tiny_sizes, tmp_path, monkeypatch, capsys):
    def train(*arguments):
        (name,) = (each.removeprefix("component=") for each in arguments if each.startswith("component="))
        run("train", tmp_path, *arguments, *BRIEF, "trainer.accelerator=cpu", *tiny_sizes[name](arguments))

    def compared(*folders):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["compare", *folders])
        compare.main()

    scripts = {
        "spinefm.data.check": lambda *arguments: run("check", tmp_path, *arguments),
        "train.py": train,
        "evaluate.py": lambda *arguments: run("evaluate", tmp_path, *arguments, "trainer.accelerator=cpu"),
        "spinefm.evaluation.compare": compared,
    }
    for command in COMMANDS:
        script, *arguments = (each for each in shlex.split(command.replace("$CSXA", str(root)))[1:] if each != "-m")
        scripts[script](*arguments)
    assert names(tmp_path / "checkpoints" / "paper_csxa") == {f"{name}.ckpt" for name in THE_FOUR}
    results = read_json(tmp_path / "runs" / "reproduce_csxa" / "paper" / "results.json")
    assert results["num_images"] == 2 and set(results["per_level"]) == set(csxa.LEVELS)
    assert "Wilcoxon" in capsys.readouterr().out
    # What the table says where to find.
    assert {"identification_rate", "dice_identified"} < set(re.findall(r"results\.json`, `(\w+)`", README)) <= set(results)
    assert "val/mse" in (run_folder(tmp_path, "point_predictor", "csxa") / "metrics.csv").read_text() and "`val/mse`" in README


def test_films_are_divided_by_case_number(tmp_path):
    (command,) = (block for block in BLOCKS if "awk" in block)
    ids = [f"{number:04d}140" for number in range(700)]
    (tmp_path / "datasets-JSON").mkdir()
    for film_id in ids:
        (tmp_path / "datasets-JSON" / f"{film_id}.json").touch()
    subprocess.run(command, shell=True, env=os.environ | {"CSXA": str(tmp_path)}, check=True)
    lists = {path.stem: path.read_text().split() for path in (tmp_path / "data_split").iterdir()}
    assert lists == {"train": ids[1:201], "val": ids[201:401], "test": ids[401:601]}
