"""What a machine gives to training."""

import pytest

from flowml.training import processes

GB = 10**9


@pytest.fixture(autouse=True)
def ten_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "memory_bytes", lambda: 10 * GB)


@pytest.mark.parametrize("slots", [0, 1, 2, 16])
def test_trainers_and_conductors_share_one_budget(slots: int) -> None:
    share = processes.share_of(slots)
    conductors = processes.conductors_memory(share)
    assert slots * share.memory_bytes + conductors == pytest.approx(8 * GB)
    assert conductors >= 2 * GB


def test_conductors_get_what_is_left_where_trainers_are_told_theirs() -> None:
    for gigabytes, conductors in ((1, 6 * GB), (5, 2 * GB)):
        assert processes.conductors_memory(processes.share_of(2, gigabytes * GB)) == conductors


def test_where_nobody_conducts_the_trainers_have_all() -> None:
    assert processes.share_of(2, conducts=False).memory_bytes == 4 * GB
