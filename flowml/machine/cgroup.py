"""What the control groups of this process leave it: a container, a systemd service or a batch job may use less of a
machine than there is.

Both versions are read (https://docs.kernel.org/admin-guide/cgroup-v2.html, …/cgroup-v1/): the limits of every group
from that of this process up to the root hold, so the least of them counts.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_GROUPS = "proc/self/cgroup"
_MOUNT = "sys/fs/cgroup"
# What version 1 says where there is no limit is the largest number of whole pages.
_UNLIMITED_BYTES = 1 << 60


@dataclass(frozen=True)
class ContainerLimits:
    """`cores` (may be a fraction) and `memory_bytes` that it may use in all, `free_bytes` what is left of those; each
    None without a limit."""

    cores: float | None
    memory_bytes: int | None
    free_bytes: int | None


def limits(root: Path = Path("/")) -> ContainerLimits:
    """Of this process. `root`: where the file systems of the system are."""
    cores: list[float] = []
    memory: list[tuple[int, int]] = []
    for group in _groups(root, ""):
        cores += _quota(_words(group / "cpu.max"))
        memory += _memory(group, "memory.max", "memory.current", "inactive_file")
    for group in _groups(root, "cpu"):
        cores += _quota([*_words(group / "cpu.cfs_quota_us"), *_words(group / "cpu.cfs_period_us")])
    for group in _groups(root, "memory"):
        memory += _memory(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return ContainerLimits(
        min(cores, default=None),
        min((limit for limit, _ in memory), default=None),
        min((max(0, limit - used) for limit, used in memory), default=None),
    )


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it; `controller`: empty for version 2."""
    try:
        lines = (root / _GROUPS).read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller not in controllers.split(","):
            continue
        mount = root / _MOUNT / controllers if controller else root / _MOUNT
        if controller and not mount.is_dir():
            mount = root / _MOUNT / controller
        group = mount / path.lstrip("/")
        # Seen from inside a container the path may be that on the host, where only the mount is the group's own.
        if not group.is_dir():
            group = mount
        yield group
        while group != mount and mount in group.parents:
            group = group.parent
            yield group


def _quota(words: list[str]) -> list[float]:
    """Cores from quota and period in microseconds."""
    with contextlib.suppress(ValueError, IndexError, ZeroDivisionError):
        quota, period = int(words[0]), int(words[1])
        if quota > 0:
            return [quota / period]
    return []


def _memory(group: Path, limit_file: str, used_file: str, cache: str) -> list[tuple[int, int]]:
    """Limit, and what is used of it without the files' copies that go when memory is wanted."""
    with contextlib.suppress(ValueError, IndexError):
        limit = int(_words(group / limit_file)[0])
        if limit >= _UNLIMITED_BYTES:
            return []
        used = int(_words(group / used_file)[0]) if (group / used_file).exists() else 0
        counts = _words(group / "memory.stat")
        cached = int(counts[counts.index(cache) + 1]) if cache in counts else 0
        return [(limit, max(0, used - cached))]
    return []


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
