"""What git keeps and leaves out, and what the repository ships."""

import shutil
import subprocess

import pytest

from spinefm.components import COMPONENTS
from spinefm.pipeline import InductivePipeline
from tests.scripts import ROOT

DATASETS = ("aasce", "synthetic")
"""Those of which components may be shipped."""


def test_git_keeps_what_is_shipped_and_leaves_out_what_trainings_publish(tmp_path):
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    shutil.copy(ROOT / ".gitignore", tmp_path)
    kept = {f"checkpoints/{name}/{file}" for name in DATASETS for file in ("README.md", "SHA256SUMS", "resnet.safetensors")}
    published = [f"{name}/{file}" for name in DATASETS for file in ("resnet.ckpt", "notes.txt", "old/resnet.safetensors")]
    left_out = [*published, "csxa/resnet.safetensors", "first_light/SHA256SUMS", "a.ckpt", "a.safetensors"]
    for path in [*kept, *(f"checkpoints/{name}" for name in left_out), "experiments/one/checkpoints/aasce/resnet.safetensors"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    git("init", "-q")
    assert set(git("ls-files", "--others", "--exclude-standard").split()) == kept | {".gitignore"}


LIMIT_BYTES = 40_000_000


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_the_repository_ships_is_whole_small_and_loads(dataset):
    folder = ROOT / "checkpoints" / dataset
    files = {path.stem: path for path in folder.glob("*.safetensors")}
    assert set(InductivePipeline.components) <= files.keys() and (folder / "README.md").is_file()
    assert sum(path.stat().st_size for path in files.values()) <= LIMIT_BYTES
    for name, path in files.items():
        assert not COMPONENTS[name].load(path).training
