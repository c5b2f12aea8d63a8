"""What becomes of a task of Ray's, in the words of a seat: by Ray's own errors, without a cluster."""

from typing import Any

import pytest

from flowml.worker.engines.engine import MOST_BYTES, NodeLost, NotFetched, Unfit
from flowml.worker.engines.ray import _RayTask

pytestmark = pytest.mark.ray


class Ray:
    """As Ray is asked of a task whose result cannot be had."""

    def __init__(self, problem: Exception):
        import ray

        self.exceptions = ray.exceptions
        self.problem = problem
        self.waited: list[bool] = []

    def wait(self, refs: list[str], *, timeout: float, fetch_local: bool) -> tuple[list[str], list[str]]:
        self.waited.append(fetch_local)
        return ([], refs) if fetch_local else (refs, [])

    def get(self, ref: str, timeout: float) -> Any:
        raise self.problem


def test_a_result_that_is_not_to_be_had_is_no_lost_node() -> None:
    from ray import exceptions

    lost = exceptions.ObjectLostError("ab" * 14, "", "")
    for problem, kind in (
        (exceptions.GetTimeoutError("it takes long"), NotFetched),
        (lost, NotFetched),
        (exceptions.WorkerCrashedError(), NodeLost),
        (exceptions.RaySystemError(ImportError("No module named 'flowml'")), Unfit),
    ):
        ray = Ray(problem)
        task = _RayTask(ray, "ref")
        with pytest.raises(kind):
            task.result()
        assert task.wait(0) and not task.fetch(0) and ray.waited == [False, True]
        assert task.size() == MOST_BYTES, "nobody knows"
