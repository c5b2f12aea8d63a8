"""What a server gives to training."""

import pytest

from flowml import server
from flowml.services.settings import Settings

GB = 10**9


@pytest.mark.parametrize("slots", [0, 1, 2, 16])
def test_trainers_and_conductors_share_one_budget(slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "memory_bytes", lambda: 10 * GB)
    share = server.training_share(Settings(local_slots=slots))
    conductors = server.conductors_memory(share)
    assert slots * share.memory_bytes + conductors == pytest.approx(8 * GB)
    assert conductors >= 2 * GB


def test_conductors_get_what_is_left_where_trainers_are_told_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "memory_bytes", lambda: 10 * GB)
    for megabytes, conductors in ((1_000, 6 * GB), (5_000, 2 * GB)):
        share = server.training_share(Settings(local_slots=2, trial_memory_mb=megabytes))
        assert server.conductors_memory(share) == conductors
