"""evaluate.py on films of views that the networks know, and of others."""

import pytest
import torch

from spinefm.components import COMPONENTS
from tests.scripts import FILMS, run


@pytest.fixture(scope="module")
def trained_on_ap(published, tmp_path_factory):
    """A component of each kind that says it was trained on films from the front alone."""
    folder = tmp_path_factory.mktemp("trained_on_ap")
    for name in COMPONENTS:
        content = torch.load(published / f"{name}.ckpt", weights_only=True)
        torch.save(content | {"run": content["run"] | {"views": ["ap_spine"]}}, folder / f"{name}.ckpt")
    return folder


@pytest.mark.parametrize("what", ["pipeline=detector_only", "component=point_predictor"])
@pytest.mark.parametrize(("views", "others"), [("ap_spine", None), ("ap_spine,lateral_lumbar", "lateral_lumbar")])
def test_films_of_views_on_which_nothing_was_trained_are_told_once(trained_on_ap, tmp_path, capfd, what, views, others):
    run("evaluate", tmp_path, *FILMS, what, f"dataset.views=[{views}]", f"checkpoints={trained_on_ap}", f"output={tmp_path / 'out'}")
    told = "".join(capfd.readouterr())
    assert told.count("were trained on ap_spine alone") == (others is not None)
    assert others is None or f"The test split has films of the view {others}, but these networks" in told
    assert (tmp_path / "out" / "results.json").is_file()
