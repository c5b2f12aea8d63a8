"""A home folder as commands see it that are no server, and what somebody is told to run on it."""

import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.domain.errors import NotFound

if TYPE_CHECKING:
    from flowml.services.context import Context
    from flowml.services.settings import Settings


@contextmanager
def opened(settings: "Settings", *, new: bool = False) -> Iterator["Context"]:
    """The folder, whether a server uses it or not. Raises NotFound where there is none, unless it may be new."""
    from flowml.services.context import Context, NoTrainers
    from flowml.store.home import Home
    from flowml.store.store import Store

    home = Home(settings.home)
    if not new and not home.database.exists():
        raise NotFound(f"There is no FlowML folder {home.path}.", hint="Name the one of the server with --home.")
    # On a full disk, too: a token that is in wrong hands has to be revoked.
    home.prepare(starting=True)
    with closing(Store(home.path, now=time.time())) as store:
        yield Context(settings, store, time.time, NoTrainers())


def command(settings: "Settings", *words: str) -> str:
    """What to type for this program to do that with this home folder."""
    from flowml.services.settings import default_home

    home = () if settings.home == default_home() else ("--home", str(settings.home))
    return f"{_program()} {shlex.join((*words, *home))}"


def _program() -> str:
    path = sys.argv[0]
    python = Path(sys.executable).name
    if path.endswith(".pyz"):
        return shlex.join((python, path))
    if Path(path).name == "flowml" and shutil.which("flowml") is None:
        return shlex.quote(path)
    return f"{python} -m flowml" if Path(path).name == "__main__.py" else "flowml"
