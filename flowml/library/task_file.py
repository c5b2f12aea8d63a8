"""A task in a folder, for processes of the same program on the same machine. Not a format to keep or to send."""

import pickle
from dataclasses import replace
from pathlib import Path

import polars as pl

from flowml.automl.task.task import Task

_TABLE = "table.arrow"
_REST = "task.pickle"


def write_task(task: Task, folder: Path) -> None:
    """Write it: the columns as Arrow, uncompressed (about 2 GB/s), the rest beside them."""
    task.frame.write_ipc(folder / _TABLE, compression="uncompressed")
    rest = replace(task, frame=pl.DataFrame())
    (folder / _REST).write_bytes(pickle.dumps(rest, pickle.HIGHEST_PROTOCOL))


def read_task(folder: Path) -> Task:
    """Read what `write_task` wrote. Only from a folder that nobody else can write to: a pickle runs code."""
    rest: Task = pickle.loads((folder / _REST).read_bytes())  # noqa: S301
    return replace(rest, frame=pl.read_ipc(folder / _TABLE))
