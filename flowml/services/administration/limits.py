"""By which settings and limits this server runs, and where each comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowml import __version__
from flowml.assistant.code.starting import MOST_SECONDS
from flowml.domain.protocol import PIECE_BYTES, PROTOCOL
from flowml.domain.wording import number, plural, size
from flowml.domain.workers import LOCAL_ID, capabilities_of
from flowml.machine.confinement.confining import available
from flowml.services.access.sessions import SESSION_SECONDS
from flowml.services.assistant.previewed import LASTS_SECONDS
from flowml.services.context import Context
from flowml.services.dispatch.channel import LEASE_SECONDS
from flowml.services.fleet.attendance import OFFLINE_AFTER_SECONDS
from flowml.services.fleet.workers import (
    HEARTBEAT_SECONDS,
    LOG_BYTES_A_SECOND,
    LOG_LINES_A_SECOND,
    MOST_LOG_BYTES_AT_ONCE,
    MOST_LOG_LINES_AT_ONCE,
)
from flowml.services.settings import Origin, Settings
from flowml.store.logs import MOST_BYTES, MOST_ENTRIES

_OPTIONS = {"host", "port", "home", "allowed_hosts", "local_slots"}
_UNITS = {"_mb": "MB", "_seconds": "seconds"}


@dataclass(frozen=True)
class Setting:
    """A setting as it is in force. `value` is what was set or is the default, in its `unit`; `shown` the same in words;
    `variable` is the environment's name for it, and `option` the command line's, where there is one."""

    name: str
    value: str | int | float | None
    shown: str
    unit: str | None
    meaning: str
    origin: Origin
    variable: str
    option: str | None


@dataclass(frozen=True)
class Fact:
    """What holds here and cannot be set, or what was found on this machine."""

    title: str
    shown: str


def settings(context: Context) -> list[Setting]:
    """All of them, in the order in which they are declared."""
    return [_setting(context.settings, name) for name in Settings.model_fields]


def limits() -> list[Fact]:
    """Limits that are no settings, of what one wants to know when something takes longer than expected."""
    return [
        Fact("A worker says that it is there", f"every {_words(HEARTBEAT_SECONDS)}"),
        Fact("A silent worker counts as offline", f"after {_words(OFFLINE_AFTER_SECONDS)}"),
        Fact("A trial is another machine's", f"after {_words(LEASE_SECONDS)} without a word of the one that has it"),
        Fact("Version of the workers' protocol", str(PROTOCOL)),
        Fact("Files go to and from workers", f"in pieces of {size(PIECE_BYTES)}"),
        Fact("A log-in of a browser lasts", _words(SESSION_SECONDS)),
        Fact("Code on a table runs", f"at most {_words(MOST_SECONDS)}"),
        Fact("What its preview has shown can be approved", f"for {_words(LASTS_SECONDS)}"),
        Fact("The log keeps", f"the latest {number(MOST_ENTRIES)} lines, at most {size(MOST_BYTES)}"),
        Fact("Of one worker's log are kept", f"{LOG_LINES_A_SECOND} lines a second, {MOST_LOG_LINES_AT_ONCE} at once"),
        Fact(
            "Of all workers of one token",
            f"{size(LOG_BYTES_A_SECOND)} of lines a second, {size(MOST_LOG_BYTES_AT_ONCE)} at once",
        ),
    ]


def machine(context: Context) -> list[Fact]:
    """This server and the machine that it is on, as `flowml doctor` has them."""
    found = context.store.workers.capabilities(LOCAL_ID)
    facts = [
        Fact("Version of FlowML", __version__),
        Fact("Folder", str(context.settings.home.expanduser().absolute())),
    ]
    known = capabilities_of(found)
    if known.cpu_count_logical is not None:
        facts.append(Fact("Cores", number(known.cpu_count_logical)))
    if known.total_ram_gb is not None:
        facts.append(Fact("Memory", f"{number(known.total_ram_gb)} GB"))
    facts += [Fact("GPU", f"{card.name}, {card.vram_gb} GB") for card in known.gpus]
    facts += [Fact(title, str(found[name])) for name, title in _FOUND.items() if found.get(name) is not None]
    facts.append(Fact("What reads files from outside reaches", available().words()))
    return facts


_FOUND = {
    "platform": "System",
    "python_version": "Python",
    "sklearn_version": "scikit-learn",
    "xgboost_version": "XGBoost",
    "lightgbm_version": "LightGBM",
    "catboost_version": "CatBoost",
    "torch_version": "PyTorch",
}


def _setting(found: Settings, name: str) -> Setting:
    value = getattr(found, name)
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), None)
    plain = _plain(value)
    return Setting(
        name=name,
        value=plain,
        shown=_shown(name, plain, unit),
        unit=unit,
        meaning=Settings.model_fields[name].description or "",
        origin=found.origin(name),
        variable=f"FLOWML_{name.upper()}",
        option=f"--{name.replace('_', '-')}" if name in _OPTIONS else None,
    )


def _plain(value: Any) -> str | int | float | None:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or None
    if isinstance(value, Path):
        return str(value)
    return _without_password(value) if isinstance(value, str) else value


def _without_password(text: str) -> str:
    """
    >>> _without_password("http://me:secret@host:11434/"), _without_password("127.0.0.1"), _without_password("me:a/b@c")
    ('http://…@host:11434/', '127.0.0.1', '…@c')
    """
    scheme, separator, rest = text.partition("://") if "://" in text else ("", "", text)
    return f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else text


def _shown(name: str, value: str | int | float | None, unit: str | None) -> str:
    if value is None:
        return _UNSET.get(name, "none")
    if isinstance(value, str) or name == "port":
        return str(value)
    if unit == "MB":
        return size(value * 1_000_000)
    return _words(value) if unit == "seconds" else number(value)


_UNSET = {"local_slots": "from its cores", "trial_memory_mb": "a share of this machine's"}


def _words(seconds: float) -> str:
    """
    >>> _words(90.0), _words(3600.0), _words(604_800.0), _words(600), _words(0.5), _words(1)
    ('90 seconds', '1 hour', '7 days', '10 minutes', '0.5 seconds', '1 second')
    """
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length and seconds % length == 0 and (seconds > length or unit != "minute"):
            return plural(int(seconds // length), unit)
    return f"{number(seconds)} second{'' if seconds == 1 else 's'}"
