"""Real children that confine themselves and try what they may not."""

import json
import os
from collections.abc import Callable
from typing import Any


def in_child(work: Callable[[], Any]) -> tuple[Any, int]:
    """What the function returns in a process forked from this one, which confines itself in it, and how that process
    ended, as `os.waitstatus_to_exitcode` says; None for one that ended without an answer."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # Where a confined process finds it among what stays open.
            os.dup2(write, 1)
            answer = json.dumps(work())
            os.write(1, answer.encode())
        except BaseException as error:
            os.write(1, json.dumps(f"{type(error).__name__}: {error}").encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        content = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(content) if content else None, code


def refused(*attempts: Callable[[], Any]) -> list[str]:
    """Of each attempt what the system said, or "done" for one that succeeded."""
    said = []
    for attempt in attempts:
        try:
            attempt()
        except OSError as error:
            said.append(type(error).__name__)
        else:
            said.append("done")
    return said
