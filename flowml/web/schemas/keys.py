"""Keys that may ask one model."""

from pydantic import Field

from flowml.web.schemas.base import Answer, Body, Listing, Timestamp

_A_MINUTE = 60.0
_TEN_YEARS = 10 * 366 * 86_400.0


class NewKey(Body):
    """A key for a program that asks this model."""

    name: str | None = Field(None, max_length=100, description="where it will be used; null: made up")
    expires_in_seconds: float | None = Field(
        None, ge=_A_MINUTE, le=_TEN_YEARS, allow_inf_nan=False, description="null: until it is revoked"
    )


class Key(Answer):
    """What is kept of a key: everything but its secret."""

    id: str
    name: str
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None = Field(description="to the minute")


class KeyList(Listing[Key]):
    """The keys of a model that were not revoked, oldest first; one that has expired is among them."""


class MadeKey(Key):
    """A new key with its secret, which is shown this once."""

    token: str
