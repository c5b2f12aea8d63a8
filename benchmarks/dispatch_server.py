"""The `flowml` command with a conductor that conducts nothing: which trials there are, `benchmarks.dispatch` decides.

It stays on the core that FLOWML_BENCH_CORE names, with all that it starts.
"""

import os
import sys
import time
from pathlib import Path

import flowml.server
from flowml.cli import main
from flowml.store.store import Store

_LOOK_SECONDS = 0.5


def conduct_nothing(home: str, worker_id: str, worker_name: str, job_id: str) -> None:
    """Main function of a conductor's process: be there until the job has ended."""
    store = Store(Path(home), now=time.time())
    while not store.jobs.get(job_id).status.ended:
        time.sleep(_LOOK_SECONDS)


flowml.server.run_conductor = conduct_nothing  # type: ignore[attr-defined]

if __name__ == "__main__":
    if core := os.environ.get("FLOWML_BENCH_CORE"):
        os.sched_setaffinity(0, {int(core)})
    sys.exit(main())
