"""Credentials: who gets one, and when it ends."""

from flowml.domain.access.caller import Permission, TokenKind
from flowml.domain.access.tokens import Token, fingerprint, is_secret, new_secret
from flowml.domain.errors import InvalidInput, NotFound
from flowml.domain.names import shown
from flowml.services.context import Context
from flowml.store.rows import new_id


def create_token(
    context: Context,
    kind: TokenKind,
    name: str,
    *,
    expires_in_seconds: float | None = None,
    model_id: str | None = None,
) -> tuple[Token, str]:
    """A new token and its secret, which is kept nowhere. `model_id` is the only model, or training run, that an API
    token may ask. Raises InvalidInput, NotFound for a model that is not there, WrongState for a name that is taken."""
    token, secret = _new(context, kind, name, expires_in_seconds, model_id), new_secret(kind)
    context.store.tokens.add(token, fingerprint(secret))
    return token, secret


def adopt_token(
    context: Context,
    kind: TokenKind,
    name: str,
    secret: str,
    *,
    model_id: str | None = None,
) -> Token:
    """The token with a secret that was drawn elsewhere: where a service is set up by files, the secret is there before
    the server is. One that is known stays as it is; another one of this kind and name ends. Raises as `create_token`,
    and WrongState for a secret that was revoked, or is another token's."""
    token = _new(context, kind, name, None, model_id)
    if not is_secret(kind, secret):
        raise InvalidInput(
            f"That is no secret of a token of kind {kind}.",
            hint=f"One is flowml_{kind}_ and then 43 letters and digits drawn at random.",
        )
    return context.store.tokens.adopt(token, fingerprint(secret))


def _new(context: Context, kind: TokenKind, name: str, expires_in_seconds: float | None, model_id: str | None) -> Token:
    context.caller.check(Permission.ADMIN)
    name = shown(name)
    if not name:
        raise InvalidInput.of_field("name", "A name needs at least one character that can be seen.")
    if model_id is not None:
        if kind is not TokenKind.API:
            raise InvalidInput.of_field(
                "model_id", f"A token of kind {kind} is not for one model: only API tokens are."
            )
        _check_model(context, model_id)
    now = context.clock()
    expires_at = None if expires_in_seconds is None else now + expires_in_seconds
    return Token(new_id(), kind, name, model_id, now, expires_at)


def somebody_can_log_in(context: Context) -> bool:
    """Whether there is a valid admin token."""
    return context.store.tokens.has_valid(TokenKind.ADMIN, context.clock())


def list_tokens(context: Context) -> list[Token]:
    """Oldest first, with those that were revoked."""
    context.caller.check(Permission.ADMIN)
    return context.store.tokens.all()


def revoke_token(context: Context, name_or_id: str) -> Token:
    """End a token at once, for every process of this server. Raises NotFound."""
    context.caller.check(Permission.ADMIN)
    return context.store.at_any_rate(lambda: context.store.tokens.revoke(name_or_id, context.clock()))


def _check_model(context: Context, model_id: str) -> None:
    try:
        context.store.models.get(model_id)
    except NotFound:
        try:
            context.store.jobs.get(model_id)
        except NotFound:
            raise NotFound(
                f"There is no model or training run “{model_id}”.", hint="Its id is in the address of its page."
            ) from None
