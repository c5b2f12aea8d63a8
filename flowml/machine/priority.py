"""Who goes first on the cores of this machine: what answers before what computes.

Niceness counts among the processes of a session only, where Linux gives each session the same share of the cores
(autogroups, sched(7)). So whatever computes has a session of its own, and that is as nice as it is; the server's has
nothing in it that would use its share up.
"""

import os
import random
import threading
import time
from pathlib import Path

_OWN_SESSION = Path("/proc/self/autogroup")
# Who has no privileges may set one session in so many seconds, all users of the system together (sched_autogroup).
_BETWEEN_SECONDS = 0.1
_MOST_TRIES = 100


def go_behind(niceness: int) -> None:
    """Let whatever else this machine does go first, the more the nicer."""
    if not hasattr(os, "nice"):
        return
    os.nice(niceness)
    if os.getsid(0) == os.getpid() and not _set_session(niceness):
        # Of several children that start at once the first has got it; the others need not wait for that.
        threading.Thread(target=_go_on_trying, args=(niceness,), name="go-behind", daemon=True).start()


def _go_on_trying(niceness: int) -> None:
    for _ in range(_MOST_TRIES):
        time.sleep(_BETWEEN_SECONDS * random.uniform(1, 2))
        if _set_session(niceness):
            return


def _set_session(niceness: int) -> bool:
    """Whether that is done, or cannot be: False where it has to be tried again."""
    try:
        _OWN_SESSION.write_text(str(niceness))
    except BlockingIOError:
        return False
    except OSError:
        # Not every system has it, or lets it be set.
        pass
    return True
