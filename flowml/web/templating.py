"""Pages from templates: one Jinja environment, with numbers, sizes and times as people read them."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from flowml.domain.wording import number, plural, size
from flowml.services.assistant.probes import words as probe_words
from flowml.web.assets import templates_root
from flowml.web.formatting import age, cell, duration, milliseconds, percent
from flowml.web.headline import headline
from flowml.web.static import static_url
from flowml.web.words import metric_title, score_text, status_word


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one template receives: its fields are the template's variables, nothing else is."""

    template: ClassVar[str]

    title: str
    frame: Any


def moment(at: float) -> str:
    """The ISO 8601 form of a time in seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock(at: float) -> str:
    """
    >>> clock(1_700_000_000.5)
    'Nov 14 22:13:20'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%b %d %H:%M:%S")


def ago(at: float, now: float) -> Markup:
    """A time as its age, with the exact time on hover; the page's script keeps it current."""
    exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(moment(at), exact, age(at, now))


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
        "model_probe": probe_words,
        "duration": duration,
        "milliseconds": milliseconds,
        "plural": plural,
        "cell": cell,
        "moment": moment,
        "ago": ago,
        "clock": clock,
        "metric_title": metric_title,
        "score": score_text,
        "status_word": status_word,
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
