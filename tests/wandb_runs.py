"""What an offline run of W&B holds, read from its file without W&B's server."""

import json
import struct
import time
from types import SimpleNamespace

from wandb.proto.wandb_internal_pb2 import Record

PATIENCE = 20
"""Seconds."""
BLOCK, HEADER = 32768, 7
"""Of LevelDB's log format: what a block and the head of each chunk take, bytes."""


def records(path):
    """The records of a `.wandb` file: chunks of checksum, length and kind, of which a record may take several.

    A last one that W&B's own process is still writing is none yet.
    """
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, content = HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        content += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if at > len(data):
            return
        if kind in (1, 4):  # whole, or the last one
            yield Record.FromString(content)
            content = b""


def nested(items):
    """{name: value} of W&B's items, nested keys joined by a dot."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def read_runs(folder):
    """Every run of a run folder."""
    return [read_run(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def read_run(path):
    """`name`, `group`, `job_type`, `config`, `history` (a dict per row), `artifacts`, `hidden` metrics, `exit_code`, `folder`.

    W&B's own process may write the end of a run some time after it was told.
    """
    deadline = time.monotonic() + PATIENCE
    while (run := _read(path)).exit_code is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return run


def _read(path):
    run = SimpleNamespace(folder=path.parent, config={}, history=[], artifacts=[], hidden=[], exit_code=None)
    for record in records(path):
        if record.HasField("run"):
            run.id, run.name = record.run.run_id, record.run.display_name
            run.group, run.job_type = record.run.run_group, record.run.job_type
        elif record.HasField("config"):
            run.config |= nested(record.config.update)
        elif record.HasField("history"):
            run.history.append(nested(record.history.item))
        elif record.HasField("artifact"):
            run.artifacts.append(record.artifact)
        elif record.HasField("metric") and record.metric.options.hidden:
            run.hidden.append(record.metric.glob_name)
        elif record.HasField("exit"):
            run.exit_code = record.exit.exit_code
    return run


def metrics(run):
    """{name: values in their order} of the numbers in a run's history, without what W&B counts by itself."""
    values = {}
    for row in run.history:
        for name, value in row.items():
            if not name.startswith("_") and "." not in name and name != "trainer/global_step":
                values.setdefault(name, []).append(value)
    return values


def artifacts(run, kind):
    """{name: artifact} of those of a type."""
    return {artifact.name: artifact for artifact in run.artifacts if artifact.type == kind}
