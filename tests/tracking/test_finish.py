"""A run of W&B ends with its job."""

import sys
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus

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
