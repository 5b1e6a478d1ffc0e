"""A run of W&B ends with its job, and its name is made of the choices that were made."""

import sys
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from spinefm.tracking import FinishRun


@pytest.mark.parametrize(("status", "code"), [(JobStatus.COMPLETED, 0), (JobStatus.FAILED, 1)])
def test_a_run_ends_as_its_job_did(monkeypatch, status, code):
    codes = []
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=SimpleNamespace(finish=lambda exit_code: codes.append(exit_code))))
    FinishRun().on_job_end(None, JobReturn(status=status))
    assert codes == [code]


@pytest.mark.parametrize("module", [None, SimpleNamespace(run=None)])
def test_without_a_run_there_is_nothing_to_end(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "wandb", module)
    FinishRun().on_job_end(None, JobReturn(status=JobStatus.FAILED))


def test_names_are_made_of_what_was_chosen():
    config = OmegaConf.create({"none": None, "a": "${joined:one,${none},seed${number}}", "b": "${first:${none},${number}}", "number": 3})
    assert config.a == "one-seed3" and config.b == 3
