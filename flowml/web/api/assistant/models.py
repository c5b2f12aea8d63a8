"""Language models over HTTP: which there are, and which one answers."""

from flowml.services.assistant import choosing
from flowml.services.assistant.choosing import Status
from flowml.services.context import Context
from flowml.web.schemas.language_models import ChooseModel


def status(context: Context) -> Status:
    """Whether there is a language model to ask, which, and on which machine."""
    return choosing.status(context)


def choose(context: Context, body: ChooseModel) -> Status:
    """Have another language model answer from now on."""
    return choosing.choose(context, body.model, body.machine)
