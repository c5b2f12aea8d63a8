"""What somebody would try who runs in a confined process, by the system's own calls: nothing of it leads out."""

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import signal
import socket
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowml.machine.confinement import calls, confining, filtering
from flowml.machine.confinement.limits import Limits
from tests.machine.confinement.trying import in_child, refused

FOUND = confining.available()
pytestmark = pytest.mark.skipif(not FOUND.is_whole, reason="; ".join(FOUND.missing))

_X86 = platform.machine() == "x86_64"
# Name → numbers on x86_64 and aarch64, and what is passed.
CALLS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "ptrace": (101, 117, (16, 1)),
    "process_vm_readv": (310, 270, (1, 0, 0, 0, 0, 0)),
    "process_vm_writev": (311, 271, (1, 0, 0, 0, 0, 0)),
    "pidfd_open": (434, 434, (1, 0)),
    "pidfd_getfd": (438, 438, (0, 0, 0)),
    "kcmp": (312, 272, (1, 1, 0, 0, 0)),
    "kill all": (62, 129, (-1, 0)),
    "kill init": (62, 129, (1, 0)),
    "kill a group": (62, 129, (0, 0)),
    "tkill": (200, 130, (1, 0)),
    "rt_sigqueueinfo": (129, 138, (1, 0, 0)),
    "socket TCP": (41, 198, (2, 1, 0)),
    "socket UDP": (41, 198, (2, 2, 0)),
    "socket unix": (41, 198, (1, 1, 0)),
    "socket netlink": (41, 198, (16, 3, 0)),
    "socketpair": (53, 199, (1, 1, 0, 0)),
    "connect": (42, 203, (0, 0, 0)),
    "sendto": (44, 206, (0, 0, 0, 0, 0, 0)),
    "execve": (59, 221, (0, 0, 0)),
    "execveat": (322, 281, (0, 0, 0, 0, 0)),
    "clone as a process": (56, 220, (17, 0, 0, 0, 0)),
    "clone into namespaces": (56, 220, (0x10000 | 0x20000000, 0, 0, 0, 0)),
    "unshare": (272, 97, (0x10000000,)),
    "setns": (308, 268, (0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "open_tree": (428, 428, (0, 0, 0)),
    "chroot": (161, 51, (0,)),
    "pivot_root": (155, 41, (0, 0)),
    "open_by_handle_at": (304, 265, (0, 0, 0)),
    "linkat": (265, 37, (0, 0, 0, 0, 0)),
    "symlinkat": (266, 36, (0, 0, 0)),
    "mknodat": (259, 33, (0, 0, 0, 0)),
    "fchmodat": (268, 53, (-100, 0, 0)),
    "fchownat": (260, 54, (-100, 0, 0, 0, 0)),
    "setxattr": (188, 5, (0, 0, 0, 0, 0)),
    "truncate": (76, 45, (0, 0)),
    "fallocate": (285, 47, (1, 0, 0, 4096)),
    "how much a pipe holds": (72, 25, (1, 1031, 1 << 20)),
    "inotify_init1": (294, 26, (0,)),
    "fanotify_init": (300, 262, (0, 0)),
    "io_uring_setup": (425, 425, (1, 0)),
    "bpf": (321, 280, (0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, 0, 0, 0)),
    "userfaultfd": (323, 282, (0,)),
    "keyctl": (250, 219, (0, 0)),
    "add_key": (248, 217, (0, 0, 0, 0, 0)),
    "memfd_create": (319, 279, (0, 0)),
    "memfd_secret": (447, 447, (0,)),
    "shmget": (29, 194, (0, 4096, 0o1600)),
    "mq_open": (240, 180, (0, 0, 0, 0)),
    "personality": (135, 92, (0x0400000,)),
    "seccomp": (317, 277, (1, 0, 0)),
    "setsid": (112, 157, ()),
    "setpgid": (109, 154, (0, 0)),
    "setpriority of another": (141, 140, (0, 1, 5)),
    "setpriority of a user": (141, 140, (2, 0, 5)),
    "sched_setaffinity of another": (203, 122, (1, 0, 0)),
    "prlimit64 of another": (302, 261, (1, 7, 0, 0)),
    "prlimit64 to raise": (302, 261, (0, 7, 8, 0)),
    "setrlimit": (160, 164, (7, 0)),
    "setuid": (105, 146, (0,)),
    "capset": (126, 91, (0, 0)),
    "end with nobody": (157, 167, (1, 0)),
    "be looked into": (157, 167, (0x59616D61, -1)),
    "signals of a file to another": (72, 25, (1, 8, 1)),
    "which signal a file sends": (72, 25, (1, 10, 9)),
    "a terminal's input": (16, 29, (0, 0x5412, 0)),
    "reboot": (169, 142, (0, 0, 0, 0)),
    "init_module": (175, 105, (0, 0, 0)),
    "swapoff": (168, 225, (0,)),
    "sethostname": (170, 161, (0, 0)),
    "settimeofday": (164, 170, (0, 0)),
    "syslog": (103, 116, (3, 0, 0)),
    "quotactl": (179, 60, (0, 0, 0, 0)),
}


def _system(number: int, *arguments: int) -> int:
    """What a call says: 0, or its error."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return 0 if result >= 0 else ctypes.get_errno()


CONFINE: dict[str, Callable[[], Any]] = {
    "reader": confining.confine_reader,
    "code": lambda: confining.confine_code(Limits()),
}


@pytest.mark.parametrize("strength", CONFINE)
def test_calls_that_lead_out_are_refused(strength: str) -> None:
    def work() -> Any:
        CONFINE[strength]()
        return {name: _system(row[0] if _X86 else row[1], *row[2]) for name, row in CALLS.items()}

    said = in_child(work)[0]
    assert len(said) > 60
    assert {name for name, error in said.items() if error not in (errno.EPERM, errno.ENOSYS)} == set()


def test_a_new_call_is_answered_as_if_the_kernel_did_not_have_it() -> None:
    def work() -> Any:
        confining.confine_reader()
        return [_system(435), _system(500), _system(100_000)]

    assert in_child(work)[0] == [errno.ENOSYS] * 3


@pytest.mark.skipif(not _X86, reason="these doors are x86-64's")
def test_calls_by_another_door_end_the_process() -> None:
    def x32() -> Any:
        confining.confine_reader()
        return _system(0x40000000 + 39)

    def of_32_bits() -> Any:
        memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        # mov eax, 20 (getpid); int 0x80; ret
        memory.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
        confining.confine_reader()
        return call()

    assert in_child(x32) == (None, -signal.SIGSYS)
    assert in_child(of_32_bits) == (None, -signal.SIGSYS)


def test_files_are_not_reached_by_what_stands_for_them(tmp_path: Path) -> None:
    secret, scratch = tmp_path / "secret", tmp_path / "scratch"
    secret.write_text("secret")
    scratch.mkdir()
    (scratch / "link").symlink_to(secret)
    before = secret.stat()

    def work() -> Any:
        confining.confine_reader([], [scratch])
        said = {}
        for name, attempt in {
            "through a link that is there": (scratch / "link").read_text,
            "through the root of the process": lambda: Path(f"/proc/self/root{secret}").read_text(),
            "by the way up": lambda: (scratch / ".." / "secret").read_text(),
            "by where it stands": lambda: (os.chdir(tmp_path), Path("secret").read_text()),
            "a new link": lambda: (scratch / "new").symlink_to(secret),
            "a hard link": lambda: os.link(secret, scratch / "new"),
            "moved in": lambda: os.replace(secret, scratch / "new"),
            "moved out": lambda: os.replace(scratch / "link", tmp_path / "new"),
            "a pipe": lambda: os.mkfifo(scratch / "new"),
            "rights": lambda: secret.chmod(0o777),
            "cut": lambda: os.truncate(secret, 0),
            "removed": secret.unlink,
            "its own memory": lambda: os.open("/proc/self/mem", os.O_RDWR),
            "its own limits": lambda: Path("/proc/self/oom_score_adj").write_text("-1000"),
            "a terminal": lambda: os.open("/dev/tty", os.O_RDWR),
            "memory of the machine": lambda: Path("/dev/shm/new").write_text(""),
            "another's environment": lambda: Path("/proc/1/environ").read_bytes(),
            "another's files": lambda: os.scandir("/proc/1/fd"),
        }.items():
            try:
                attempt()
            except OSError as error:
                said[name] = "refused" if error.errno in (errno.EACCES, errno.EPERM, errno.EXDEV) else str(error)
            else:
                said[name] = "done"
        os.utime(secret, (0, 0))
        return said

    said = in_child(work)[0]
    assert {name: what for name, what in said.items() if what != "refused"} == {}
    assert (secret.read_text(), secret.stat().st_mtime_ns) == ("secret", before.st_mtime_ns)


def test_times_of_what_is_read_stay_and_an_archive_has_those_that_were_set(tmp_path: Path) -> None:
    secret, scratch = tmp_path / "secret", tmp_path / "scratch"
    secret.write_text("secret")
    scratch.mkdir()
    before = secret.stat().st_mtime_ns

    def work() -> Any:
        with secret.open() as file:
            confining.confine_reader([secret], [scratch], keep=[file.fileno()])
            os.utime(file.fileno(), (0, 0))
            # What Python is not asked for: futimens, of what is open.
            said = [_system(280 if _X86 else 88, file.fileno(), 0, 0, 0)]
        part, archive = scratch / "part", scratch / "archive"
        part.touch()
        os.utime(part, (400_000_000, 400_000_000))
        with zipfile.ZipFile(archive, "w") as file:
            file.write(part, "part")
            said.append(file.getinfo("part").date_time[0])
        return said

    assert in_child(work)[0] == [errno.EPERM, 1982]
    assert secret.stat().st_mtime_ns == before


def test_a_thread_that_was_there_before_is_filtered_too_and_what_it_may_is_said(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")

    def work() -> Any:
        begin, said = threading.Event(), []

        def later() -> None:
            begin.wait()
            said.append(_system(41 if _X86 else 198, 2, 1, 0))
            try:
                (tmp_path / "secret").read_text()
            except OSError as error:
                said.append(error.errno)
            else:
                said.append(0)

        thread = threading.Thread(target=later)
        thread.start()
        confinement = confining.confine_reader()
        begin.set()
        thread.join()
        return [said, confinement.missing]

    (network, file), missing = in_child(work)[0]
    assert network == errno.EPERM
    # Newer kernels confine it as well; of older ones it is said.
    assert missing == ([] if file else ["threads that were there before may open files"])


def test_threads_begin_and_end_as_ever() -> None:
    def work() -> Any:
        confining.confine_code(Limits())
        said: list[int] = []
        threads = [threading.Thread(target=said.append, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(said)

    assert in_child(work)[0] == [0, 1, 2, 3]


def test_a_process_may_abort() -> None:
    def work() -> Any:
        confining.confine_reader()
        os.abort()

    assert in_child(work) == (None, -signal.SIGABRT)


def test_what_is_written_is_bounded(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def work() -> Any:
        file = os.open(target, os.O_WRONLY | os.O_CREAT)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        confining.confine_code(Limits(file_bytes=1000, open_files=8), keep=[file])
        said = [os.write(file, bytes(5000))]
        for attempt in (lambda: os.write(file, b"more"), lambda: [os.dup(file) for _ in range(9)]):
            try:
                attempt()
            except OSError as error:
                said.append(error.errno or 0)
        return said

    assert in_child(work)[0] == [1000, errno.EFBIG, errno.EMFILE]
    assert target.stat().st_size == 1000


def test_what_a_reader_writes_is_bounded_and_takes_no_room_that_it_does_not_write_to(tmp_path: Path) -> None:
    def work() -> Any:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        confining.confine_reader([], [tmp_path], file_bytes=1000)
        file = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
        said = []
        for attempt in (
            lambda: os.posix_fallocate(file, 0, 500),
            lambda: os.ftruncate(file, 1001),
            lambda: os.pwrite(file, b"x", 1000),
            lambda: [os.dup(file) for _ in range(2000)],
        ):
            try:
                attempt()
            except OSError as error:
                said.append(error.errno)
        return said

    assert in_child(work)[0] == [errno.EPERM, errno.EFBIG, errno.EFBIG, errno.EMFILE]


@pytest.mark.parametrize("held", ["socket", "pipe"])
def test_what_ends_others_is_not_reached_by_what_a_process_is_held_by(held: str) -> None:
    """The end of a pipe opens the other one, which is why children are held by sockets."""
    here, there = os.pipe() if held == "pipe" else (end.detach() for end in socket.socketpair())

    def work() -> Any:
        confining.confine_reader(keep=[here])
        return refused(
            *(lambda how=how: os.open(f"/proc/self/fd/{here}", how) for how in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)),
            lambda: fcntl.fcntl(here, fcntl.F_SETOWN, os.getppid()),
            lambda: fcntl.fcntl(here, fcntl.F_SETSIG, signal.SIGTERM),
        )

    try:
        said = in_child(work)[0]
    finally:
        os.close(here)
        os.close(there)
    opened = ["done"] * 3 if held == "pipe" else ["OSError"] * 3
    assert said == [*opened, *["PermissionError"] * 2]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_every_machine_is_one_that_ends(machine: str) -> None:
    """Every step leads to one behind it that is there, and the last is an answer."""
    for files in (True, False):
        content = filtering.program(machine, files=files)
        steps = [content[at : at + 8] for at in range(0, len(content), 8)]
        assert len(steps) < 4096
        for at, step in enumerate(steps):
            code, true, false = int.from_bytes(step[:2], sys.byteorder), step[2], step[3]
            if code != 0x06:
                assert at + 1 + max(true, false) < len(steps)
        assert steps[-1][0] == 0x06
        assert len(set(calls.allowed(machine, files=files))) == len(calls.allowed(machine, files=files))
