"""Pages from templates: one Jinja environment, and how numbers, sizes and times read."""

import math
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from flowml.web.assets import templates_root
from flowml.web.headline import headline
from flowml.web.static import static_url
from flowml.web.words import NONE, metric_title, score_text


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one template receives: its fields are the template's variables, nothing else is."""

    template: ClassVar[str]

    title: str
    frame: Any


def number(value: float | None) -> str:
    """1,234 for whole numbers, four digits that matter for others.

    >>> number(1234567), number(6140.2), number(0.0123456), number(None)
    ('1,234,567', '6,140', '0.01235', '–')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{value:.2e}"
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def percent(share: float | None, digits: int = 1) -> str:
    """
    >>> percent(0.8316)
    '83.2 %'
    """
    return NONE if share is None else f"{share * 100:.{digits}f} %"


def size(count: float | None) -> str:
    """
    >>> size(61_194), size(812)
    ('61.2 kB', '812 B')
    """
    if count is None:
        return NONE
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """
    >>> duration(0.0042), duration(3.21), duration(3), duration(75), duration(3600)
    ('4 ms', '3.2 s', '3 s', '1 min 15 s', '1 h')
    """
    if seconds is None:
        return NONE
    if 0 < seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 and not float(seconds).is_integer() else f"{seconds:.0f} s"
    total = round(seconds)
    parts = ((total // 3600, "h"), (total % 3600 // 60, "min"), (total % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in [part for part in parts if part[0]][:2])


def milliseconds(value: float | None) -> str:
    """
    >>> milliseconds(0.0312), milliseconds(12.8)
    ('0.03 ms', '13 ms')
    """
    if value is None:
        return NONE
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """
    >>> plural(1, "row"), plural(891, "row")
    ('1 row', '891 rows')
    """
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def cell(value: Any) -> str:
    """A value of the table as it stands in its cell; missing is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e-4 or abs(value) >= 1e15 else f"{round(value, 6):.15g}"
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def age(seconds: float) -> str:
    """
    >>> age(10), age(600), age(7200), age(86400 * 3)
    ('just now', '10 min ago', '2 h ago', '3 days ago')
    """
    if seconds < 45:
        return "just now"
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 86_400:
        return f"{round(seconds / 3600)} h ago"
    days = round(seconds / 86_400)
    return "yesterday" if days == 1 else f"{days} days ago"


def moment(at: float) -> str:
    """The ISO 8601 form of a time in seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(at: float, now: float) -> Markup:
    """A time as its age, with the exact time on hover; the page's script keeps it current."""
    exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(moment(at), exact, age(now - at))


@lru_cache(maxsize=1)
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(templates_root()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "number": number,
        "percent": percent,
        "size": size,
        "duration": duration,
        "milliseconds": milliseconds,
        "plural": plural,
        "cell": cell,
        "moment": moment,
        "ago": ago,
        "metric_title": metric_title,
        "score": score_text,
        "headline": headline,
    }
    env.globals["static_url"] = static_url
    return env


def render(page: Page) -> str:
    """The page as HTML. A variable that the page's class does not declare is an error."""
    variables = {field.name: getattr(page, field.name) for field in fields(page)}
    return environment().get_template(page.template).render(variables)


def respond(request: Request, page: Page, status: int = 200) -> HTMLResponse:
    """An HTML answer that no cache keeps: the page shows a state that moves on."""
    return HTMLResponse(render(page), status, headers={"Cache-Control": "no-cache"})
