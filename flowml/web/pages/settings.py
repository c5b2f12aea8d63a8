"""Settings: by what limits this server runs, and where each comes from."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.administration import limits
from flowml.services.administration.limits import Fact, Setting
from flowml.services.assistant.choosing import Status, status
from flowml.web.caller import context_of
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond


@dataclass(frozen=True, kw_only=True)
class SettingsPage(Page):
    template: ClassVar[str] = "settings.html"

    settings: list[Setting]
    assistant: Status
    limits: list[Fact]
    machine: list[Fact]


def page(request: Request) -> Response:
    """`GET /settings`."""
    frame = build_frame(request, "settings")
    context = context_of(request)
    return respond(
        request,
        SettingsPage(
            title="Settings",
            frame=frame,
            settings=limits.settings(context),
            assistant=status(context),
            limits=limits.limits(),
            machine=limits.machine(context),
        ),
    )
