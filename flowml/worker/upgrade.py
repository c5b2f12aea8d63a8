"""Becoming what the server is: its own flowml.pyz instead of this one.

Only when somebody asks for it. What arrives is the file whose hash the server has announced, and has to start, before
anything is replaced; this file is there at every moment, and the one before is kept beside it.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx

from flowml.domain.errors import FlowMLError, NoRoom, StartupError
from flowml.domain.stored import hash_file
from flowml.worker.channel import Retry, checked

OPTION = "--upgrade"
_MOST_BYTES = 4_000_000_000
_KEPT_FREE_BYTES = 200_000_000
_PATIENCE_SECONDS = 120.0
# Its first start unpacks hundreds of megabytes.
_START_SECONDS = 600.0


@dataclass(frozen=True)
class _Announced:
    version: str
    sha256: str
    size_bytes: int


def upgrade(
    client: httpx.Client,
    own: Path | None,
    say: Callable[[str], None],
    retry: Retry | None = None,
    start_seconds: float = _START_SECONDS,
) -> bool:
    """Replace this program's file `own` by the server's; whether it was another one. Raises StartupError where that
    cannot be done, and then nothing has changed."""
    if own is None:
        raise StartupError(
            "This worker does not run from a flowml.pyz, so there is no file to replace.",
            hint="Upgrade the FlowML that is installed here instead.",
        )
    retry = retry or Retry()
    try:
        announced = retry.until(retry.clock() + _PATIENCE_SECONDS, lambda: _announced(client))
        if hash_file(own) == announced.sha256:
            say(f"This is the server's own program already, FlowML {announced.version}.")
            return False
        say(f"Fetching FlowML {announced.version} from the server, {announced.size_bytes / 1e6:,.0f} MB.")
        _replace(client, own, announced, retry, start_seconds)
    except StartupError:
        raise
    except FlowMLError as problem:
        raise StartupError(f"The server's program was not fetched: {problem.detail}", hint=problem.hint) from problem
    except OSError as problem:
        raise StartupError(
            f"The file {own} cannot be replaced: {problem.strerror or problem}.",
            hint="Put the server's flowml.pyz there by hand, or start a copy of this one from a folder of your own.",
        ) from problem
    say(f"{own} is FlowML {announced.version} now. The one before is {_old(own)}.")
    return True


def restart(own: Path, arguments: Sequence[str]) -> NoReturn:
    """Go on as the program in this file, with the same arguments but that one."""
    kept = [argument for argument in arguments if not _is_option(argument)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(own), *kept])  # noqa: S606 - itself, by the arguments it has


def _is_option(argument: str) -> bool:
    # However much of it was written out.
    return len(argument) > 2 and OPTION.startswith(argument)


def _old(own: Path) -> Path:
    return own.with_name(f"{own.name}.old")


def _announced(client: httpx.Client) -> _Announced:
    answer = checked(client.get("/api/workers/program"))
    try:
        said = answer.json()
        version, sha256, size = said["version"], said["sha256"], said["size_bytes"]
    except (ValueError, LookupError, TypeError):
        version, sha256, size = "", "", 0
    if (
        not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256)
        or not isinstance(size, int) or not 0 < size <= _MOST_BYTES
        or not isinstance(version, str) or not re.fullmatch(r"[\w.+-]{1,50}", version)
    ):  # fmt: skip
        raise StartupError("What the server says of its program cannot be understood.", hint="Look after the network.")
    return _Announced(version, sha256, size)


def _replace(client: httpx.Client, own: Path, announced: _Announced, retry: Retry, start_seconds: float) -> None:
    # Under its own name, by which it knows where it has unpacked itself.
    folder = own.with_name(f".{own.name}.upgrade")
    folder.mkdir(mode=0o700, exist_ok=True)
    new = folder / own.name
    try:
        free = shutil.disk_usage(folder).free - _KEPT_FREE_BYTES
        if announced.size_bytes > free:
            raise NoRoom(f"{announced.size_bytes:,} bytes do not fit where {own} is, in {max(0, free):,}")
        until = retry.clock() + _PATIENCE_SECONDS
        retry.until(until, lambda: _fetch(client, announced, new))
        if hash_file(new) != announced.sha256:
            raise StartupError("What arrived is not the server's program.", hint="Look after the connection.")
        new.chmod(own.stat().st_mode & 0o777)
        _check_starts(new, announced.version, start_seconds)
        _keep(own)
        os.replace(new, own)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def _fetch(client: httpx.Client, announced: _Announced, place: Path) -> None:
    """Go on with what is there of it."""
    with place.open("ab") as file:
        have = file.tell()
        if have >= announced.size_bytes:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with client.stream("GET", f"/api/workers/program/{announced.sha256}", headers=headers) as answer:
            if answer.status_code not in (200, 206):
                answer.read()
            checked(answer)
            if answer.status_code == 200:
                file.truncate(0)
                have = 0
            for piece in _bounded(answer.iter_raw(), announced.size_bytes - have):
                file.write(piece)


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise StartupError("The server's program is longer than it says.", hint="Look after the connection.")
        yield piece


def _check_starts(program: Path, version: str, seconds: float) -> None:
    command = [sys.executable, str(program), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise StartupError(f"The server's program did not start here within {seconds:.0f} seconds.") from None
    if done.returncode != 0 or version not in done.stdout.split():
        words = (done.stderr.strip().splitlines() or ["it says nothing"])[-1][:300]
        raise StartupError(f"The server's program does not start here: {words}", hint="This one is left as it is.")


def _keep(own: Path) -> None:
    """The file as it is, beside itself."""
    kept = _old(own)
    kept.unlink(missing_ok=True)
    try:
        os.link(own, kept)
    except OSError:
        # Not every file system has links.
        shutil.copy2(own, kept)
