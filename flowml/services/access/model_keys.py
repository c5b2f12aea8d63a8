"""The keys of one model: API tokens that may ask for its predictions, and for nothing else."""

from itertools import count

from flowml.domain.access.caller import Permission, TokenKind
from flowml.domain.access.tokens import Token
from flowml.domain.errors import NotFound
from flowml.services.access import tokens
from flowml.services.context import Context


def list_keys(context: Context, model_id: str) -> list[Token]:
    """Those of the model that have not been revoked, oldest first; an expired one is among them. Raises NotFound,
    Forbidden."""
    context.caller.check(Permission.ADMIN)
    context.store.models.get(model_id)
    return [token for token in tokens.list_tokens(context) if token.model_id == model_id and token.revoked_at is None]


def create_key(
    context: Context, model_id: str, name: str | None, *, expires_in_seconds: float | None = None
) -> tuple[Token, str]:
    """A new key and its secret, which is kept nowhere. Without a name it gets one after the column that the model
    predicts. Raises as `create_token`, NotFound for a training run: its best model may become another."""
    model = context.store.models.get(model_id)
    if not name:
        context.caller.check(Permission.ADMIN)
        taken = {token.name for token in tokens.list_tokens(context)}
        name = next(made for number in count(1) if (made := f"{model.target[:80]} key {number}") not in taken)
    return tokens.create_token(context, TokenKind.API, name, expires_in_seconds=expires_in_seconds, model_id=model.id)


def revoke_key(context: Context, model_id: str, key_id: str) -> None:
    """End a key at once. Raises NotFound for one that is not this model's, Forbidden."""
    if all(token.id != key_id for token in list_keys(context, model_id)):
        raise NotFound(
            f"This model has no key “{key_id}”.", hint="It may have been revoked; load the list of its keys again."
        )
    tokens.revoke_token(context, key_id)
