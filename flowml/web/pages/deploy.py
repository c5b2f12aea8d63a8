"""Deploy: everything that it takes to use a model elsewhere."""

from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.access.caller import Permission
from flowml.domain.jobs import Job
from flowml.domain.models import Model
from flowml.services import jobs, results
from flowml.services.examples import example_if_readable
from flowml.services.serving import exports, predicting
from flowml.services.serving.snippets import LANGUAGES, snippet
from flowml.web import commands
from flowml.web.caller import address_of, context_of
from flowml.web.commands import quoted
from flowml.web.pages.frame import build_frame
from flowml.web.templating import Page, respond

MOST_COLUMNS = 12
_LANGUAGES = {"python": "Python", "curl": "curl", "javascript": "JavaScript"}
_FORMS = {
    "flowml": ("FlowML", "All of it. For this program: flowml predict, flowml serve-model, and load_model in Python."),
    "joblib": ("joblib", "For Python programs with scikit-learn and the model's own library, without FlowML."),
    "onnx": ("ONNX", "For ONNX Runtime in any language, with the preparation of the columns inside."),
    "python": ("Python", "One file that needs nothing but Python: to read, and to put into any program."),
    "card": ("Card", "What to know of it before using it, in Markdown: data, columns, quality, limits, versions."),
    "sql": ("SQL", "A query that has the database work the predictions out."),
}


@dataclass(frozen=True)
class Command:
    """Something to copy: what it does, in words, its lines, and the same where they take a token as $FLOWML_TOKEN."""

    id: str
    title: str
    words: str
    text: str
    with_token: str


@dataclass(frozen=True)
class Form:
    """A kind of file that the model may be: what it is for, and its size; None: it is made when it is asked for."""

    format: str
    title: str
    words: str
    size_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class DeployPage(Page):
    """`left_out`: so many columns do not stand in the commands, which would be endless with them. `asked` is what the
    page's own measurement sends."""

    template: ClassVar[str] = "deploy.html"

    job: Job
    model: Model
    address: str
    needs_token: bool
    may_change: bool
    example: str
    left_out: int
    languages: list[Command]
    protocols: list[Command]
    forms: list[Form]
    server: list[Command]
    asked: dict[str, Any]


def page(request: Request) -> Response:
    """`GET /models/{id}/deploy`."""
    context = context_of(request)
    frame = build_frame(request, "jobs")
    model = results.get_model(context, request.path_params["model_id"])
    job = jobs.get_job(context, model.job_id)
    predicting.warm_soon(context, model.id)
    found, problem = example_if_readable(context, model)
    schema = model.details.schema
    row = {f["name"]: f.get("example") if found is None else found.values.get(f["name"]) for f in schema}
    needs_token = context.settings.needs_credentials
    short = dict(list(row.items())[:MOST_COLUMNS])
    if found is None:
        example = problem or "The data set of this model was deleted: the values are typical of each column by itself."
    else:
        example = f"The values are row {found.number:,} of {found.table}."
    return respond(
        request,
        DeployPage(
            title=f"Deploy {model.name} for {model.target}",
            frame=frame,
            job=job,
            model=model,
            address=address_of(request),
            needs_token=needs_token,
            may_change=Permission.ADMIN in context.caller.may,
            example=example,
            left_out=len(row) - len(short),
            languages=_languages(address_of(request), model, short),
            protocols=_protocols(address_of(request), model, short, needs_token),
            forms=_forms(model),
            server=_server(exports.filename(model, exports.OWN)),
            asked={"model_id": model.id, "features": row},
        ),
    )


def _languages(address: str, model: Model, row: dict[str, Any]) -> list[Command]:
    written = {language: snippet(language, address, model.id, row) for language in LANGUAGES}
    return [Command(language, _LANGUAGES[language], "", text, text) for language, text in written.items()]


def _protocols(address: str, model: Model, row: dict[str, Any], token: bool) -> list[Command]:
    schema = model.details.schema
    return [
        Command(
            "mlflow",
            "MLflow",
            "Clients of MLflow's model server: the same four notations of rows, and /ping.",
            commands.invocations(address, model.id, row, token=token),
            commands.invocations(address, model.id, row, token=True),
        ),
        Command(
            "inference",
            "Open Inference Protocol",
            f"Clients of KServe, Triton (tritonclient) and MLServer: the model's name is {model.id}.",
            commands.infer(address, model.id, schema, row, token=token),
            commands.infer(address, model.id, schema, row, token=True),
        ),
    ]


def _forms(model: Model) -> list[Form]:
    return [
        Form(name, *_FORMS.get(name, (name, "")), model.size_bytes if name == exports.OWN else None)
        for name in exports.FORMATS
    ]


def _server(file: str) -> list[Command]:
    alone = f"flowml serve-model {quoted(file)} --port 8080"
    container = (
        f'docker run -p 8080:8000 -v "$PWD":/models:ro -e FLOWML_TOKEN flowml serve-model {quoted(f"/models/{file}")}'
    )
    return [
        Command("alone", "On any machine", "The same addresses for this file alone, without a database.", alone, alone),
        Command(
            "container",
            "In a container",
            "With the image of deploy/Dockerfile; FLOWML_TOKEN is what callers have to bring.",
            container,
            container,
        ),
    ]
