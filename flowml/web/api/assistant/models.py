"""Language models over HTTP: which there are, and which one answers."""

from starlette.requests import Request
from starlette.responses import Response

from flowml.services.assistant import choosing
from flowml.services.assistant.choosing import Status
from flowml.services.context import Context
from flowml.web.schemas.language_models import TRIED, ChooseModel
from flowml.web.streams import Told, lines_of


def status(context: Context) -> Status:
    """Whether there is a language model to ask, which, and on which machine."""
    return choosing.status(context)


def choose(context: Context, body: ChooseModel) -> Status:
    """Have another language model answer from now on."""
    return choosing.choose(context, body.model, body.machine)


async def try_it(request: Request) -> Response:
    """Have the language model say hello.

    The answer comes as lines of JSON, each with a `type`: `wait`, why there is nothing yet; `text`, pieces of what it
    says; and `ended` with who said it and the seconds that it took, or `failed` with `detail` and `hint`. Whoever
    leaves ends it.
    """
    return await lines_of(request, choosing.try_it, _as_json)


def _as_json(told: Told) -> bytes:
    return TRIED.dump_json(TRIED.validate_python(told))
