"""What became of a process that a test has seen."""

import psutil


def has_ended(pid: int) -> bool:
    """Whether it is gone, or only not fetched yet by who started it; it may end while this looks."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
