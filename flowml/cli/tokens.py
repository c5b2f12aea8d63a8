"""`flowml token`: credentials, made and revoked beside a running server or without one."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.cli.home import opened
from flowml.cli.serve import settings_of
from flowml.domain.errors import StartupError

if TYPE_CHECKING:
    from flowml.domain.access.tokens import Token

_MOST_BYTES = 1_000
_COLUMNS = ("id", "kind", "name", "state", "model_id", "created_at", "expires_at", "last_used_at")


def create(options: argparse.Namespace) -> int:
    """Print a new token's secret, alone on standard output."""
    if options.model is not None and options.kind != "api":
        options.wrong_usage(f"--model is for api tokens, not for those of kind {options.kind}")
    if options.secret_file is not None and options.expires is not None:
        options.wrong_usage(
            "--expires is for secrets that are drawn here: one from a file lasts until another is there"
        )
    from flowml.domain.access.caller import TokenKind
    from flowml.services.access.tokens import adopt_token, create_token

    kind, given = TokenKind(options.kind), None if options.secret_file is None else secret_in(options.secret_file)
    with opened(settings_of(options), new=True) as context:
        if given is not None:
            token = adopt_token(context, kind, options.name, given, model_id=options.model)
            if options.json:
                print(json.dumps(_record(token, context.clock())))
            else:
                print(f"The {token.kind} token “{token.name}” of {context.store.home.path} has that secret.")
            return 0
        token, secret = create_token(
            context, kind, options.name, expires_in_seconds=options.expires, model_id=options.model
        )
        if options.json:
            print(json.dumps(_record(token, context.clock()) | {"token": secret}))
        else:
            until = "" if token.expires_at is None else f", valid until {_time(token.expires_at)}"
            print(
                f"The {token.kind} token “{token.name}” of {context.store.home.path}{until}. It is shown this once:"
                " only a hash of it is kept.",
                file=sys.stderr,
                flush=True,
            )
            print(secret)
    return 0


def secret_in(path: Path) -> str:
    """What a file has. Raises StartupError."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    except OSError as problem:
        raise StartupError(f"The secret could not be read from {path}: {problem.strerror or problem}.") from None


def show(options: argparse.Namespace) -> int:
    """Print the tokens that there are, without their secrets."""
    from flowml.services.access.tokens import list_tokens

    with opened(settings_of(options)) as context:
        records = [_record(token, context.clock()) for token in list_tokens(context)]
    if options.json:
        print(json.dumps({"items": records, "total": len(records)}))
        return 0
    rows = [[column.removesuffix("_at").replace("_", " ") for column in _COLUMNS]]
    rows += [[str(record[column] or "–") for column in _COLUMNS] for record in records]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def revoke(options: argparse.Namespace) -> int:
    """End a token, and everything that was logged in with it."""
    from flowml.services.access.tokens import revoke_token

    with opened(settings_of(options)) as context:
        token = revoke_token(context, options.token)
        if options.json:
            print(json.dumps(_record(token, context.clock())))
        else:
            assert token.revoked_at is not None
            print(f"The {token.kind} token “{token.name}” ({token.id}) is revoked since {_time(token.revoked_at)}.")
    return 0


def _record(token: "Token", now: float) -> dict[str, Any]:
    times = {
        name: None if (at := getattr(token, name)) is None else _time(at)
        for name in ("created_at", "expires_at", "last_used_at", "revoked_at")
    }
    return {
        "id": token.id,
        "kind": str(token.kind),
        "name": token.name,
        "state": token.state(now),
        "model_id": token.model_id,
        **times,
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
