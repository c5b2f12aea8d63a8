"""The layouts of log lines that are known by name, each one a regular expression that runs in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": " \\t"}
_LEVEL = (
    "(?:TRACE|FINEST|FINER|FINE|CONFIG|DEBUG|VERBOSE|INFO|INFORMATION|NOTICE|LOG|WARN|WARNING|ERROR|ERR|SEVERE|FATAL"
    "|CRITICAL|CRIT|ALERT|EMERG|PANIC|OFF|ALL)"
)
_ISO_DATE = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_ISO = rf"{_ISO_DATE}[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
_QUOTED = r"(?:[^\"\\]|\\.)*"
# What names a program in syslog: up to a few words with a process number, or without one.
_TAG = (
    r"(?:(?P<component>[^:\[\]]{1,100}?)\s*\[(?P<pid>\d+)\](?: \((?P<address>.{1,200}?)\))?:(?:\s+|$)"
    r"|(?P<component_alone>[^\s:\[\]]{1,100}(?: [^\s:\[\]]{1,60}){0,2})"
    r"(?: \((?P<address_alone>.{1,200}?)\))?:(?:\s+|$))"
)
_MONTH_DAY = r"(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2})"


def ascii_classes(pattern: str) -> str:
    """The pattern with \\d, \\w and \\s for ASCII only: those of Unicode are large and slow.

    >>> ascii_classes(r"\\d+[\\w.]")
    '[0-9]+[A-Za-z0-9_.]'
    """
    result: list[str] = []
    in_class = False
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            following = pattern[position + 1]
            found = _CLASSES.get(following)
            result.append(character + following if found is None else found if in_class else f"[{found}]")
            position += 2
            continue
        if character == "[" and not in_class:
            in_class = True
        elif character == "]" and in_class:
            in_class = False
        result.append(character)
        position += 1
    return "".join(result)


@dataclass(frozen=True)
class Layout:
    """How the lines of a log are built.

    `pattern` has one named group per column; two groups `x` and `x_alone` are one column. `moment` names the groups
    that together say when, in the order of their text. Lines that do not match belong to the entry before them where
    there is a `content`.
    """

    name: str
    title: str
    pattern: str
    moment: tuple[str, ...] = ("date", "time")
    numbers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    comment: str | None = None

    @property
    def has_content(self) -> bool:
        return "(?P<content>" in self.pattern

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\(\?P<(\w+)>", self.pattern))


def _layout(name: str, title: str, pattern: str, *moment: str, numbers: tuple[str, ...] = ()) -> Layout:
    return Layout(name, title, ascii_classes(f"^{pattern}$"), moment or ("date", "time"), numbers)


# In the order in which they are preferred where several match the same lines: the more particular first.
KNOWN: tuple[Layout, ...] = (
    _layout(
        "access",
        "the access log of a web server (Apache, nginx)",
        # After the name of a host stands a client, so that a user of two words moves nothing.
        r"(?:(?P<vhost>[\w.*-]+(?::\d+)?) (?P<client>[^\s\"-][^\s\"]*)|(?P<client_alone>[^\s\"]+)) "
        r"(?P<ident>[^\s\"]+) (?P<user>[^\[\"]+?|\"\") "
        r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?)\] "
        rf"\"(?:(?P<method>[A-Z]{{2,20}}) (?P<path>{_QUOTED}?)(?: (?P<protocol>[A-Z]+/[\d.]+))?"
        rf"|(?P<request>{_QUOTED}))\" (?P<status>\d{{3}}|-) (?P<bytes>\d+|-)"
        rf"(?: \"(?P<referrer>{_QUOTED})\" \"(?P<user_agent>{_QUOTED})\")?(?: \"(?P<forwarded_for>[\d.:a-fA-F, -]*)\")?"
        r"(?: (?P<request_time>\d+(?:\.\d+)?))?(?: (?P<extra>.+))?\s*",
        "time",
        numbers=("request_time",),
    ),
    _layout(
        "nginx_error",
        "the error log of nginx",
        rf"(?P<date>\d{{4}}/\d\d/\d\d) (?P<time>{_CLOCK}) \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<tid>\d+): "
        r"(?:\*(?P<connection>\d+) )?(?P<content>(?:.*?, client: (?P<client>[^,\s]+))?.*)",
    ),
    _layout(
        "apache_error",
        "the error log of Apache",
        r"\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] "
        r"\[(?:(?P<module>\w*):)?(?P<level>\w+)\](?: \[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\])?"
        r"\s*(?P<content>(?:\[client (?P<client>[^\]]+)\])?.*)",
        "time",
    ),
    _layout(
        "syslog_5424",
        "syslog (RFC 5424)",
        r"(?:\d+ )?<(?P<pri>\d{1,3})>(?P<version>\d{1,2}) (?P<time>\S+) (?P<host>\S+) (?P<component>\S+) (?P<pid>\S+) "
        r"(?P<msgid>\S+) (?P<data>-|(?:\[(?:[^\]\"\\]|\"(?:[^\"\\]|\\.)*\"|\\.)*\])+)\s*\x{FEFF}?(?P<content>.*)",
        "time",
    ),
    _layout(
        "thunderbird",
        "a supercomputer's log as of Thunderbird, Spirit and Liberty",
        rf"(?P<label>\S+) (?P<epoch>\d{{9,10}}) (?P<date>\d{{4}}\.\d\d\.\d\d) (?P<user>\S+) {_MONTH_DAY} "
        rf"(?P<time>{_CLOCK}) (?P<location>\S+)\s+{_TAG}?(?P<content>.*)",
        "date",
        "time",
    ),
    _layout(
        "bgl",
        "a supercomputer's log as of Blue Gene/L",
        r"(?P<label>\S+) (?P<epoch>\d{9,10}) (?P<date>\d{4}\.\d\d\.\d\d) (?P<node>\S+) "
        r"(?P<time>\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+) (?P<node_repeat>\S+) (?P<type>\S+) (?P<component>\S+) "
        r"(?P<level>\S+)\s*(?P<content>.*)",
        "time",
    ),
    _layout(
        "hpc",
        "a cluster's log of states and times",
        r"(?P<log_id>\d+) (?P<node>\S+) (?P<component>\S+) (?P<state>\S+) (?P<time>\d{9,10}) (?P<flag>\d+)"
        r"\s*(?P<content>.*)",
        "time",
    ),
    _layout(
        "syslog",
        "syslog",
        rf"(?:<(?P<pri>\d{{1,3}})>)?{_MONTH_DAY}(?: (?P<year>\d{{4}}))? (?P<time>\d\d:\d\d:\d\d(?:\.\d+)?)\s+"
        rf"(?P<host>[^\s:\[\]]\S*)\s+{_TAG}?(?P<content>.*)",
        "month",
        "day",
        "year",
        "time",
    ),
    _layout(
        "syslog_iso",
        "syslog with ISO times",
        rf"(?:<(?P<pri>\d{{1,3}})>)?(?P<time>{_ISO_DATE}T{_CLOCK}(?:Z|[+-]\d\d:?\d\d)) (?P<host>[\w.:-]+) {_TAG}"
        r"(?P<content>.*)",
        "time",
    ),
    _layout(
        "container",
        "the log of a container (Kubernetes)",
        rf"(?P<time>{_ISO_DATE}T{_CLOCK}(?:Z|[+-]\d\d:?\d\d)) (?P<stream>stdout|stderr) (?P<flag>[FP]) (?P<content>.*)",
        "time",
    ),
    _layout(
        "hdfs",
        "log4j as of HDFS",
        rf"(?P<date>\d{{6}}) (?P<time>\d{{6}}) (?P<pid>\d+) (?P<level>{_LEVEL}) "
        r"(?P<component>[^\s:]+):\s*(?P<content>.*)",
    ),
    _layout(
        "spark",
        "log4j as of Spark",
        rf"(?P<date>\d\d/\d\d/\d\d) (?P<time>{_CLOCK}) (?P<level>{_LEVEL})\s+(?P<component>[^\s:]+):\s*(?P<content>.*)",
    ),
    _layout(
        "zookeeper",
        "log4j as of ZooKeeper",
        rf"(?P<date>{_ISO_DATE}) (?P<time>{_CLOCK})\s+(?:\[myid:(?P<myid>\d*)\]\s+)?-\s+(?P<level>{_LEVEL})\s+"
        r"\[(?P<node>[^:@]*?):(?P<component>.*?)@(?P<id>\d+)\]\s+-\s*(?P<content>.*)",
    ),
    _layout(
        "hadoop",
        "log4j as of Hadoop",
        rf"(?P<date>{_ISO_DATE}) (?P<time>{_CLOCK}) (?P<level>{_LEVEL})\s+\[(?P<process>.*?)\]\s+"
        r"(?P<component>[^\s:\[\]]+):\s*(?P<content>.*)",
    ),
    _layout(
        "log4j",
        "log4j as of Hadoop's daemons",
        rf"(?P<date>{_ISO_DATE}) (?P<time>{_CLOCK}) (?P<level>{_LEVEL})\s+(?P<component>[\w$./-]+):\s*(?P<content>.*)",
    ),
    _layout(
        "openstack",
        "OpenStack",
        rf"(?:(?P<logrecord>\S+) )?(?P<date>{_ISO_DATE}) (?P<time>\d\d:\d\d:\d\d\.\d+) (?P<pid>\d+) "
        rf"(?P<level>{_LEVEL}) (?P<component>\S+) \[(?P<addr>[^\]]*)\]\s*(?P<content>.*)",
    ),
    _layout(
        "spring",
        "Spring Boot",
        rf"(?:(?P<date>{_ISO_DATE}) (?P<time>{_CLOCK})|(?P<time_alone>{_ISO_DATE}T{_CLOCK}(?:Z|[+-]\d\d:?\d\d)))\s+"
        rf"(?P<level>{_LEVEL})\s+(?P<pid>\d+) ---\s+(?:\[(?P<application>[^\]]*)\]\s+)?\[\s*(?P<thread>[^\]]*)\]\s+"
        r"(?P<component>\S+)\s*:\s*(?P<content>.*)",
    ),
    _layout(
        "logback",
        "logback",
        rf"(?:(?P<date>{_ISO_DATE}) )?(?P<time>{_CLOCK})\s+\[(?P<thread>.*?)\]\s+(?P<level>{_LEVEL})\s+"
        r"(?P<component>\S+)\s+-\s*(?P<content>.*)",
    ),
    _layout(
        "windows",
        "Windows' component-based servicing",
        rf"(?P<date>{_ISO_DATE}) (?P<time>\d\d:\d\d:\d\d), (?P<level>\w+)\s+(?P<component>\S+)\s+(?P<content>.*)",
    ),
    _layout(
        "android",
        "Android (logcat, threadtime)",
        rf"(?P<date>(?:\d{{4}}-)?\d\d-\d\d) (?P<time>{_CLOCK})\s+(?P<pid>\d+)\s+(?P<tid>\d+)\s+(?P<level>[VDIWEFAS])\s+"
        r"(?P<component>.*?)\s*:(?:\s+|$)(?P<content>.*)",
    ),
    _layout(
        "android_time",
        "Android (logcat, time)",
        rf"(?P<date>(?:\d{{4}}-)?\d\d-\d\d) (?P<time>{_CLOCK})\s+(?P<level>[VDIWEFAS])/(?P<component>.*?)\s*"
        r"\(\s*(?P<pid>\d+)\):(?:\s+|$)(?P<content>.*)",
    ),
    _layout(
        "android_brief",
        "Android (logcat, brief)",
        r"(?P<level>[VDIWEFAS])/(?P<component>.*?)\s*\(\s*(?P<pid>\d+)\):(?:\s+|$)(?P<content>.*)",
    ),
    _layout(
        "healthapp",
        "HealthApp",
        r"(?P<time>\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{1,3})\|(?P<component>[^|]*)\|(?P<pid>\d+)\|(?P<content>.*)",
        "time",
    ),
    _layout(
        "proxifier",
        "Proxifier",
        r"\[(?P<time>\d\d\.\d\d \d\d:\d\d:\d\d)\] (?P<program>.*?)\s+-\s+(?P<content>.*)",
        "time",
    ),
    _layout(
        "python_dashes",
        "Python's logging with dashes",
        rf"(?P<date>{_ISO_DATE}) (?P<time>{_CLOCK}) - (?P<component>\S+) - (?P<level>{_LEVEL}) - (?P<content>.*)",
    ),
    _layout(
        "python",
        "Python's logging",
        r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<component>[\w.<>-]+):(?P<content>.*)",
    ),
    _layout(
        "glog",
        "glog and klog",
        r"(?P<level>[IWEF])(?P<date>\d{4}) (?P<time>\d\d:\d\d:\d\d\.\d+)\s+(?P<pid>\d+) (?P<component>[^\s:]+):"
        r"(?P<line>\d+)\]\s*(?P<content>.*)",
    ),
    _layout(
        "postgresql",
        "PostgreSQL",
        rf"(?P<date>{_ISO_DATE}) (?P<time>{_CLOCK}) (?P<zone>[A-Z]{{2,5}}) \[(?P<pid>\d+)\](?: (?P<session>\S+@\S+))? "
        r"(?P<level>[A-Z]+):\s+(?P<content>.*)",
    ),
)
BY_NAME = {layout.name: layout for layout in KNOWN}
LINES = Layout("lines", "lines without a header", "^(?P<content>.*)$", ())
LAYOUT_NAMES = (*BY_NAME, "declared", "pairs", "learned", "lines")
