"""Build hook: a wheel carries the pages, and never without the browser libraries they load."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PagesHook(BuildHookInterface[Any]):
    """Completes `static/vendor` and places `templates/` and `static/` inside the package.

    An editable install needs neither: it finds both beside the package, and the Makefile fetches the libraries.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        subprocess.run([sys.executable, str(root / "scripts" / "vendor.py")], check=True, cwd=root)
        if self.target_name == "wheel":
            build_data["force_include"]["templates"] = "flowml/_templates"
            build_data["force_include"]["static"] = "flowml/_static"
