"""Keys that may ask one model, over HTTP."""

from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse

from flowml.services.access import model_keys
from flowml.services.context import Context
from flowml.web.schemas.keys import MadeKey, NewKey


def index(context: Context, model_id: str) -> dict[str, Any]:
    """List the keys that may ask this model alone."""
    found = model_keys.list_keys(context, model_id)
    return {"items": found, "total": len(found)}


def create(context: Context, model_id: str, body: NewKey) -> JSONResponse:
    """Make a key that may ask this model alone; its secret is in this answer, and nowhere else."""
    token, secret = model_keys.create_key(context, model_id, body.name, expires_in_seconds=body.expires_in_seconds)
    made = MadeKey.model_validate({**asdict(token), "token": secret})
    return JSONResponse(made.model_dump(mode="json"), 201, headers={"Cache-Control": "no-store"})


def revoke(context: Context, model_id: str, key_id: str) -> None:
    """Revoke a key of this model: it is of no use from now on."""
    model_keys.revoke_key(context, model_id, key_id)
