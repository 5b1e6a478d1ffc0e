"""A training that diverges."""

from tests.scripts import fails, run_folder


def test_it_ends_and_publishes_nothing(tiny, tmp_path):
    told = fails("train", tmp_path, *tiny("point_predictor"), "component.module.optimizer.lr=1e30", "component.max_epochs=9")
    assert "Expected a finite loss, but epoch" in told and "trainer.gradient_clip_val=1.0" in told and "Traceback" not in told
    assert not (tmp_path / "checkpoints").exists() and not (run_folder(tmp_path, "point_predictor") / "score.json").exists()
