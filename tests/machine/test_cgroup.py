"""What a container leaves its processes, in both versions of control groups."""

import os
from pathlib import Path

import pytest

from flowml.cli import main
from flowml.machine import cgroup, facts
from flowml.machine.cgroup import ContainerLimits

GiB = 1 << 30
NOTHING = ContainerLimits(None, None, None)


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_container_with_a_group_of_its_own(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/memory.max": f"{4 * GiB}\n",
            "sys/fs/cgroup/memory.current": f"{3 * GiB}\n",
            "sys/fs/cgroup/memory.stat": f"anon {GiB}\ninactive_file {2 * GiB}\nactive_file 0\n",
        },
    )
    # Copies of files go when memory is wanted.
    assert cgroup.limits(root) == ContainerLimits(2.0, 4 * GiB, 3 * GiB)


def test_the_least_of_the_groups_around_it_counts(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        {
            "proc/self/cgroup": "0::/batch/job.slice\n",
            "sys/fs/cgroup/batch/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/batch/memory.max": f"{8 * GiB}\n",
            "sys/fs/cgroup/batch/memory.current": f"{7 * GiB}\n",
            "sys/fs/cgroup/batch/job.slice/cpu.max": "max 100000\n",
            "sys/fs/cgroup/batch/job.slice/memory.max": f"{6 * GiB}\n",
            "sys/fs/cgroup/batch/job.slice/memory.current": "0\n",
        },
    )
    assert cgroup.limits(root) == ContainerLimits(1.5, 6 * GiB, GiB)


@pytest.mark.parametrize("path", ["/docker/0123", "/"], ids=["named as on the host", "named as inside"])
def test_the_first_version(tmp_path: Path, path: str) -> None:
    root = system(
        tmp_path,
        {
            "proc/self/cgroup": f"7:cpu,cpuacct:{path}\n5:memory:{path}\n1:name=systemd:{path}\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GiB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GiB}\n",
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GiB // 2}\n",
        },
    )
    assert cgroup.limits(root) == ContainerLimits(0.5, 2 * GiB, 3 * GiB // 2)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "nonsense"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "max\n"},
        {
            "proc/self/cgroup": "3:memory:/\n2:cpu:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    ],
    ids=["no groups", "unknown", "version 2", "version 1"],
)
def test_without_a_limit_there_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    assert cgroup.limits(system(tmp_path, files)) == NOTHING


def test_every_default_follows_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "limits", lambda: NOTHING)
    cores, memory = facts.usable_cores(), facts.memory_bytes()
    assert 0 < facts.free_memory_bytes() <= memory and facts.thread_settings() == {}
    monkeypatch.setattr(facts, "_scheduled_cores", lambda: 64)
    monkeypatch.setattr(cgroup, "limits", lambda: ContainerLimits(2.0, 4 * GiB, GiB))
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert (facts.usable_cores(), facts.memory_bytes()) == (2, min(memory, 4 * GiB))
    assert facts.free_memory_bytes() <= GiB
    settings = facts.thread_settings()
    assert settings["POLARS_MAX_THREADS"] == "2" and "OMP_NUM_THREADS" not in settings
    monkeypatch.setattr(cgroup, "limits", lambda: ContainerLimits(0.3, None, None))
    assert facts.usable_cores() == 1 <= cores


def test_a_command_starts_no_more_threads_than_its_container_has_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(facts, "_scheduled_cores", lambda: 64)
    monkeypatch.setattr(cgroup, "limits", lambda: ContainerLimits(2.0, None, None))
    for name in facts.THREAD_VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    assert main(["inspect", str(file)]) == 0 and capsys.readouterr().out
    assert {os.environ[name] for name in facts.THREAD_VARIABLES} == {"2"}
