"""Who goes first on the cores of this machine: what answers before what computes.

Niceness counts among the processes of a session only, where Linux gives each session the same share of the cores
(autogroups, sched(7)). So whatever computes has a session of its own, and that is as nice as it is; the server's has
nothing in it that would use its share up.
"""

import contextlib
import os
from pathlib import Path

_OWN_SESSION = Path("/proc/self/autogroup")


def go_behind(niceness: int) -> None:
    """Let whatever else this machine does go first, the more the nicer."""
    if not hasattr(os, "nice"):
        return
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        # Not every system has it, or lets it be set.
        with contextlib.suppress(OSError):
            _OWN_SESSION.write_text(str(niceness))
