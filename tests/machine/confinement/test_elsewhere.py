"""On kernels that have less, and on other machines, what can hold does, and the rest is said."""

import errno
import struct
from pathlib import Path
from typing import Any

import pytest

from flowml.machine.confinement import confining, filtering, kernel, landlock
from flowml.machine.confinement.limits import Limits
from tests.machine.confinement.trying import in_child, refused

FOUND = confining.available()
needs_it = pytest.mark.skipif(not FOUND.is_whole, reason="; ".join(FOUND.missing))
ALLOWED, REFUSED, MISSING, KILLED = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x80000000


def _fails(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, "not here")

    return fail


@needs_it
@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_an_older_landlock_keeps_the_same_files(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, other, scratch = tmp_path / "given", tmp_path / "other", tmp_path / "scratch"
    given.write_text("given")
    other.write_text("secret")
    scratch.mkdir()
    monkeypatch.setattr(landlock, "version", lambda: version)

    def work() -> Any:
        found = confining.confine_reader([given], [scratch])
        (scratch / "new").write_text(given.read_text())
        (scratch / "new").write_text("")
        return [found.landlock, *refused(other.read_text, lambda: other.write_text(""), lambda: given.write_text(""))]

    assert in_child(work)[0] == [version, *["PermissionError"] * 3]


@needs_it
@pytest.mark.parametrize(
    ("error", "words"),
    [(errno.ENOSYS, "has no Landlock"), (errno.EOPNOTSUPP, "switched off"), (errno.EPERM, "this container")],
)
def test_without_landlock_code_still_opens_nothing(
    error: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_text("secret")
    monkeypatch.setattr(landlock, "version", _fails(error))

    def work() -> Any:
        found = confining.confine_code(Limits())
        return [found.landlock, found.filters, found.words(), *refused((tmp_path / "other").read_text)]

    version, filters, said, read = in_child(work)[0]
    assert (version, filters, read) == (None, True, "PermissionError")
    assert words in said and said.startswith("no network")


@needs_it
def test_without_filters_the_files_are_kept_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").write_text("secret")
    monkeypatch.setattr(filtering, "install", _fails(errno.EINVAL))

    def work() -> Any:
        found = confining.confine_reader()
        return [found.filters, found.words(), *refused((tmp_path / "other").read_text)]

    filters, said, read = in_child(work)[0]
    assert (filters, read) == (False, "PermissionError")
    assert "no other files" in said and "cannot filter calls" in said


def test_on_another_system_limits_hold_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "machine", lambda: "")

    def work() -> Any:
        found = confining.confine_code(Limits(memory_bytes=64 << 20))
        try:
            bytes(256 << 20)
        except MemoryError:
            return [found.landlock, found.filters, found.words()]
        return None

    landlock_version, filters, said = in_child(work)[0]
    assert (landlock_version, filters) == (None, False)
    assert said.startswith("only Linux on x86-64 and ARM64")


def _decide(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the filter says of a call: the steps done as the kernel does them."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *(list(arguments) + [0] * 6)[:6])
    steps = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        code, on, off, value = steps[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += on if holds else off


ARM, X86 = 0xC00000B7, 0xC000003E


@pytest.mark.parametrize(
    ("machine", "architecture", "numbers"),
    [
        # openat, socket, clone, clone3, kill, prlimit64, fcntl
        ("aarch64", ARM, (56, 198, 220, 435, 129, 261, 25)),
        ("x86_64", X86, (257, 41, 56, 435, 62, 302, 72)),
    ],
)
def test_the_filter_decides_the_same_on_both_machines(
    machine: str, architecture: int, numbers: tuple[int, ...]
) -> None:
    openat, socket, clone, clone3, kill, prlimit64, fcntl = numbers
    own = filtering._PROCESS
    reader, code = (filtering.program(machine, files=files) for files in (True, False))
    for program in (reader, code):
        assert _decide(program, architecture, openat) == (ALLOWED if program is reader else REFUSED)
        assert _decide(program, architecture, socket, 2, 1) == REFUSED
        assert _decide(program, architecture, clone, 0x3D0F00) == ALLOWED
        assert _decide(program, architecture, clone, 17) == REFUSED
        assert _decide(program, architecture, clone, 0x3D0F00 | 0x10000000) == REFUSED
        assert _decide(program, architecture, clone3) == MISSING
        assert _decide(program, architecture, 452) == MISSING
        assert _decide(program, architecture, kill, own, 9) == ALLOWED
        assert _decide(program, architecture, kill, own + 1, 9) == REFUSED
        assert _decide(program, architecture, kill, 2**64 - 1, 9) == REFUSED
        assert _decide(program, architecture, prlimit64, 0, 7, 0) == ALLOWED
        assert _decide(program, architecture, prlimit64, 0, 7, 1 << 32) == REFUSED
        assert _decide(program, architecture, prlimit64, 0, 7, 8) == REFUSED
        assert _decide(program, architecture, fcntl, 0, 3) == ALLOWED
        assert _decide(program, architecture, fcntl, 0, 8) == REFUSED
        assert _decide(program, architecture, fcntl, 0, (1 << 32) | 8) == REFUSED
        assert _decide(program, 0x40000003, openat) == KILLED
