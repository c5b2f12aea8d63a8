"""The description of one model's API."""

from pydantic_core import to_json
from starlette.responses import Response

from flowml.domain.access.caller import Permission
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.web.api.model_openapi import build


def openapi(context: Context, model_id: str) -> Response:
    """The OpenAPI 3.1 document of one model: its columns as typed fields, and its answers."""
    loaded = predicting.load(context, model_id)
    example = None
    # A server of one model has no table; and who may only ask is shown none of its rows.
    if context.models is None and Permission.READ in context.caller.may:
        from flowml.services import results
        from flowml.services.examples import example_if_readable

        example, _ = example_if_readable(context, results.get_model(context, loaded.id))
    may_read = Permission.READ in context.caller.may
    found = build(model_id, loaded, None if example is None else example.values, with_values=may_read)
    return Response(to_json(found, inf_nan_mode="null"), media_type="application/json")
