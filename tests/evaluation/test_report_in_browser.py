"""The report in a real browser, at the width of a desk and of a phone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.test_evaluator import evaluate, films


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(folder, films())
    return folder / "report.html"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_is_legible(page, tmp_path, width):
    script = Path(__file__).with_name("browser.py")
    command = [sys.executable, str(script), str(page), str(width), str(tmp_path / "page.png")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout.strip().splitlines()[-1])
    assert seen["title"] == "SpineFM evaluation"
    assert seen["width"] <= seen["window"] <= width  # nothing reaches over the side
    assert seen["smallest"] >= 11 and seen["broken"] == 0 and seen["requests"] == 0
    assert seen["images"] == 2 * 12 + 3 and seen["drawn"] == [12, 0, 12]  # masks go and come back
    picture = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert picture.shape[1] == width and 0.01 < (picture < 100).mean() < 0.5  # dark letters on white
