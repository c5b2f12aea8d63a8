"""Which calls of the system a confined process may make, by name and by number.

What is not named here is refused: room on the disk that nothing is written to, sockets, processes, programs, signals
to others, links, rights and times of files, io_uring, and whatever Linux learns to do. A call whose arguments matter is
in `LOOKED_INTO`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NEWEST_KNOWN = 451
"""Calls after this one are answered as if the kernel did not have them, for which libraries are prepared."""

# name:number on x86_64:number on aarch64
_OPEN_FILES = """
read:0:63 write:1:64 close:3:57 lseek:8:62 pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66 preadv:295:69
pwritev:296:70 preadv2:327:286 pwritev2:328:287 fstat:5:80 flock:73:32 fsync:74:82 fdatasync:75:83
ftruncate:77:46 fadvise64:221:223 readahead:187:213 sync_file_range:277:84 sendfile:40:71
copy_file_range:326:285 pipe:22:- pipe2:293:59 dup:32:23 dup2:33:- dup3:292:24 poll:7:- ppoll:271:73 select:23:-
pselect6:270:72 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:- epoll_pwait:281:22
epoll_pwait2:441:441 eventfd:284:- eventfd2:290:19 timerfd_create:283:85 timerfd_settime:286:86
timerfd_gettime:287:87
"""
_OWN_AFFAIRS = """
mmap:9:222 mprotect:10:226 munmap:11:215 mremap:25:216 msync:26:227 mincore:27:232 madvise:28:233 mlock:149:228
munlock:150:229 brk:12:214 futex:202:98 set_robust_list:273:99 get_robust_list:274:100 set_tid_address:218:96
rseq:334:293 membarrier:324:283 sched_yield:24:124 exit:60:93 exit_group:231:94 wait4:61:260
restart_syscall:219:128 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigpending:127:136
rt_sigtimedwait:128:137 rt_sigsuspend:130:133 sigaltstack:131:132 getitimer:36:102 setitimer:38:103 alarm:37:-
pause:34:- nanosleep:35:101 clock_nanosleep:230:115 arch_prctl:158:-
"""
_FACTS = """
getpid:39:172 gettid:186:178 getppid:110:173 getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177
getresuid:118:148 getresgid:120:150 getgroups:115:158 getpgid:121:155 getpgrp:111:- getsid:124:156
getpriority:140:141 sched_getaffinity:204:123 sched_getparam:143:121 sched_getscheduler:145:120
sched_get_priority_max:146:125 sched_get_priority_min:147:126 sched_rr_get_interval:148:127 getcpu:309:168
capget:125:90 uname:63:160 sysinfo:99:179 times:100:153 time:201:- gettimeofday:96:169 clock_gettime:228:113
clock_getres:229:114 getrlimit:97:163 getrusage:98:165 getrandom:318:278 getcwd:79:17 umask:95:166
"""
_BY_NAME = """
open:2:- openat:257:56 openat2:437:437 creat:85:- stat:4:- lstat:6:- newfstatat:262:79 statx:332:291 access:21:-
faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78 getdents:78:- getdents64:217:61 mkdir:83:-
mkdirat:258:34 rmdir:84:- unlink:87:- unlinkat:263:35 rename:82:- renameat:264:38 renameat2:316:276
statfs:137:43 fstatfs:138:44 chdir:80:49 fchdir:81:50
"""
_LOOKED_INTO = """
fcntl:72:25 ioctl:16:29 prctl:157:167 kill:62:129 tgkill:234:131 clone:56:220 clone3:435:435 prlimit64:302:261
sched_setaffinity:203:122 setpriority:141:140
"""
_COLUMNS = {"x86_64": 1, "aarch64": 2}


@dataclass(frozen=True)
class Check:
    """Of an argument, counted from 0, its lower 32 bits: all that the kernel looks at in those that are asked for.
    `is_mask`: one of the bits has to be set, instead of all as they are; `not_`: the opposite has to hold."""

    argument: int
    value: int
    is_mask: bool = False
    not_: bool = False
    upper: bool = False
    """The upper 32 bits instead."""


Way = tuple[Check, ...]
"""A call is let through when all checks of one of its ways hold."""

_CLONE_THREAD, _NEW_NAMESPACES = 0x10000, 0x7E020080
_EMPTY_PATH = 0x1000
# What is open twice, its flags (no signals: a file can have one sent to any process of this user), and locks. How much
# room a pipe has is only read: it is the system's memory.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1034)
# Is it a terminal, and how wide; how much can be read; flags of the descriptor.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# Names of threads and of memory, and whether a right is there.
_PRCTL = (15, 16, 23, 0x53564D41)


def allowed(machine: str, *, files: bool) -> tuple[int, ...]:
    """The numbers of the calls that are let through whatever they are given; with `files` those that open files by
    name, too, which files is not their matter."""
    groups = (_OPEN_FILES, _OWN_AFFAIRS, _FACTS, *((_BY_NAME,) if files else ()))
    return tuple(sorted(number for group in groups for number in _numbers(group, machine).values()))


def looked_into(machine: str, process: int, *, files: bool) -> Mapping[int, tuple[Way, ...]]:
    """Number → the ways in which a call is let through."""
    own = Check(0, process)
    ways: dict[str, tuple[Way, ...]] = {
        "fcntl": tuple((Check(1, command),) for command in _FCNTL),
        "ioctl": tuple((Check(1, command),) for command in _IOCTL),
        "prctl": tuple((Check(0, option),) for option in _PRCTL),
        # What `abort` does.
        "kill": ((own,),),
        "tgkill": ((own,),),
        # A thread, and no process.
        "clone": ((Check(0, _CLONE_THREAD, is_mask=True), Check(0, _NEW_NAMESPACES, is_mask=True, not_=True)),),
        # Limits are read, and not set.
        "prlimit64": tuple((who, Check(2, 0), Check(2, 0, upper=True)) for who in (Check(0, 0), own)),
        "sched_setaffinity": ((Check(0, 0),),),
        # Of itself, to go further behind.
        "setpriority": ((Check(0, 0), Check(1, 0)),),
    }
    numbers = _numbers(_LOOKED_INTO, machine)
    if not files:
        # What is open already.
        ways |= {
            "newfstatat": ((Check(3, _EMPTY_PATH, is_mask=True),),),
            "statx": ((Check(2, _EMPTY_PATH, is_mask=True),),),
        }
        numbers |= {name: number for name, number in _numbers(_BY_NAME, machine).items() if name in ways}
    return {numbers[name]: found for name, found in ways.items()}


def unknown(machine: str) -> tuple[int, ...]:
    """The calls that are answered as if the kernel did not have them: what they are told cannot be looked at, and who
    makes them has another way."""
    return (_numbers(_LOOKED_INTO, machine)["clone3"],)


def _numbers(group: str, machine: str) -> dict[str, int]:
    rows = (row.split(":") for row in group.split())
    return {row[0]: int(row[_COLUMNS[machine]]) for row in rows if row[_COLUMNS[machine]] != "-"}
