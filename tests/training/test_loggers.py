"""Beginning the loggers of a run."""

import pytest
import wandb
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger

from spinefm.training.loggers import start_loggers


@pytest.mark.parametrize(
    "error",
    [
        wandb.errors.UsageError("No API key configured. Use `wandb login` to log in."),
        wandb.errors.CommError('Timed out while retrying: Post "https://api.wandb.ai": no such host\nConsider increasing the timeout'),
    ],
)
def test_that_wandb_does_not_take_a_run_is_said_in_one_sentence(tmp_path, monkeypatch, error):
    def refuse(**options):
        raise error

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(ValueError, match="Expected Weights & Biases to take this run") as caught:
        start_loggers([CSVLogger(str(tmp_path)), WandbLogger(save_dir=str(tmp_path))], {})
    told = str(caught.value)
    assert str(error).splitlines()[0].rstrip(".") + ". Without an account" in told and "\n" not in told
    assert "`logger.wandb.offline=true`" in told


def test_other_loggers_get_the_config_but_not_the_table(tmp_path):
    loggers = [CSVLogger(str(tmp_path / "csv"), "", ""), TensorBoardLogger(str(tmp_path / "events"), "", "")]
    assert start_loggers(loggers, {"a": {"b": 1}}) is None
    assert loggers[1].hparams == {"a": {"b": 1}}
    loggers[0].save()
    assert not (tmp_path / "csv" / "hparams.yaml").exists()
