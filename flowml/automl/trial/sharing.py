"""How a machine is shared by the trials of one job: how many run at once, with how many threads and how much memory.

Small tables train fastest one trial a core. On a big one a trial takes a good part of the time there is, each trial
holds a copy of the table, and the libraries use several threads well (LightGBM on 1,000,000 × 30 took 2.1 s of
processor time for 15 rounds on one thread and on two). There fewer trials with more threads each end sooner, need less
memory, and leave more complete models behind when the time is over.
"""

from flowml.automl.algorithms import memory
from flowml.automl.task.shape import TaskShape
from flowml.domain.workers import Share

BIG_CELLS = 8_000_000
THREADS_A_TRIAL = 4
# Columns as a booster sees them, for each column of the table; numbers are one, dates and texts several.
_USUAL_WIDTH = 1.5
_USUAL_LEAVES = 128


def is_big(shape: TaskShape) -> bool:
    """Whether a trial of such a task takes a good part of the usual time."""
    return shape.n_rows * shape.n_features >= BIG_CELLS


def share_for(shape: TaskShape, machine: Share) -> Share:
    """The share of a trial of this task. `machine`: how it is shared by trials of ordinary tables."""
    cores, total = machine.slots * machine.threads, machine.slots * machine.memory_bytes
    slots = machine.slots
    if is_big(shape):
        slots = min(slots, max(1, cores // THREADS_A_TRIAL))
    needed = usual_need(shape)
    while slots > 1 and needed * slots > total:
        slots -= 1
    if slots == machine.slots:
        return machine
    return Share(slots, max(1, cores // slots), total // slots)


def usual_need(shape: TaskShape) -> int:
    """What the usual trial of such a task needs: a booster's."""
    width = int(_USUAL_WIDTH * shape.n_features) + 1
    encoded = TaskShape(shape.problem_type, shape.n_rows, width, shape.n_outputs)
    fit = memory.of_histograms(encoded, bytes_a_value=4.0, leaves=_USUAL_LEAVES)
    return memory.of_trial(encoded, fit, n_cells=shape.n_rows * shape.n_features)
