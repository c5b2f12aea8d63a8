"""Where templates and static files are: inside an installed package, or beside it in a checkout."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def _find(packaged: str, checkout: str) -> Path:
    inside = _PACKAGE / packaged
    return inside if inside.is_dir() else _PACKAGE.parent / checkout


@cache
def static_root() -> Path:
    """The folder behind `/static/`."""
    return _find("_static", "static")


@cache
def templates_root() -> Path:
    """The folder of the Jinja templates."""
    return _find("_templates", "templates")


def in_checkout() -> bool:
    """Whether the files are a developer's, who changes them while the server runs."""
    return static_root().parent != _PACKAGE
