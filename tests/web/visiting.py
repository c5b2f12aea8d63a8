"""Visits of the product in a real browser.

On every page of the way nothing may break the Content-Security-Policy, write an error to the console, ask another
host, or fail the accessibility checks in either theme.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
# A theme is its colours (`test_styles.py` holds that), so in the second one the rules of colours are left to look at.
COLOUR_RULES = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# No rule of those reads style sheets, which axe would else fetch and parse again each time.
AXE_RUN = """runOnly => axe.run(document, {runOnly, resultTypes: ["violations"], selectors: false, preload: false})"""
SECONDS = 60_000
SETTLED = """async theme => {
    const frame = () => new Promise(requestAnimationFrame);
    const painted = () => getComputedStyle(document.documentElement).backgroundColor === "rgb(9, 9, 11)";
    while (painted() !== (theme === "dark")) await frame();
    await frame();
    await frame();
    const ending = document.getAnimations().filter(one => one.effect.getTiming().iterations !== Infinity);
    await Promise.allSettled(ending.map(one => one.finished));
}"""


class Visit:
    """A visit of the product: one page after another, and everything that went wrong on the way."""

    def __init__(self, context: BrowserContext, address: str):
        self.address = address
        self.complaints: list[str] = []
        # The browser writes a line for every refusal, some time after it came: set where one is to come.
        self.expects_refusals = False
        # The one that is on comes first: each change costs a moment.
        self._themes = ["light", "dark"]
        self.page: Page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        is_expected = self.expects_refusals and re.search("status of (409|422|503)", message.text) is not None
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"http://{parts.netloc}" != self.address:
            self.complaints.append(f"{self.page.url} asked {request.url}")

    def ready(self) -> None:
        """The page's scripts have begun, and nothing on it is of before."""
        self.page.wait_for_selector("html[data-ready]", timeout=SECONDS)
        # A locator: a function that is tried again and again on the page is against its policy.
        expect(self.page.locator(".stale, [aria-busy=true]")).to_have_count(0, timeout=SECONDS)

    def check(self, *, has_scripts: bool = True) -> None:
        """What is on show right now: accessible in both themes, no wider than the window, and nothing went wrong."""
        if has_scripts:
            self.ready()
        assert AXE.is_file(), "run `python scripts/vendor.py` first: it also fetches axe-core"
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme, rules in zip(self._themes, (RULES, COLOUR_RULES), strict=True):
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            self.page.evaluate(SETTLED, theme)
            report = self.page.evaluate(AXE_RUN, rules)
            found = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in report["violations"]]
            assert not found, f"{self.page.url} in {theme}: {found}"
        self._themes.reverse()
        assert self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert not self.complaints, self.complaints


def drop(page: Page, file: Path, place: str = ".drop") -> None:
    """Drop a file onto the page, as a person does with the mouse."""
    transfer = page.evaluate_handle(
        """([name, text]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], name, {type: "text/csv"}));
            return transfer;
        }""",
        [file.name, file.read_text(encoding="utf-8")],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(place, event, {"dataTransfer": transfer})
