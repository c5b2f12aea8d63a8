"""The file that this process runs from."""

import sys
import zipfile
from pathlib import Path


def own_file() -> Path | None:
    """The flowml.pyz that was started; None for an installed FlowML, or one that runs from its sources."""
    path = Path(sys.argv[0] if sys.argv else "")
    try:
        return path.resolve() if path.is_file() and zipfile.is_zipfile(path) else None
    except OSError:
        return None
