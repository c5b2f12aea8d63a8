"""The box for code in a real browser: what is refused is named by its line, what is seen can be approved."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.assistant.tables import people
from tests.web.serving import Served, serve
from tests.web.visiting import SECONDS, Visit

pytestmark = pytest.mark.browser

# A child process on a machine that does other things as well.
PATIENCE = SECONDS
CODE = (
    'df = df.filter(pl.col("age").is_not_null())\ndf = df.with_columns(pl.col("town").str.to_titlecase()).drop("unit")'
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("coded")) as found:
        yield found


@pytest.fixture(scope="module")
def address(served: Served) -> str:
    """Nothing is trained here, so a server without trainers will do."""
    return served.url


def open_tab(visit: Visit, served: Served) -> Page:
    answer = served.client.post("/api/datasets/upload", files={"file": ("people.csv", people())})
    visit.page.goto(f"{served.url}/datasets/{answer.json()['id']}#assistant")
    visit.ready()
    expect(visit.page.locator("#code-text")).to_be_visible(timeout=SECONDS)
    return visit.page


def picture(page: Page, name: str) -> None:
    """For who wants to look at it: FLOWML_PICTURES names a folder."""
    if folder := os.environ.get("FLOWML_PICTURES"):
        page.locator("#assistant-code").screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_code_is_refused_by_line_previewed_and_approved(
    browser: Browser, served: Served, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    visit = Visit(context, served.url)
    visit.expects_refusals = True
    page = open_tab(visit, served)
    box, card = page.locator("#code-text"), page.locator("#assistant-code")
    expect(card.get_by_role("button", name="Preview")).to_be_disabled()
    box.fill("import os\ndf = df.write_csv('x')")
    box.press("Control+Enter")
    expect(card.get_by_role("alert")).to_contain_text("2 things are not right", timeout=SECONDS)
    expect(card.get_by_role("alert").get_by_role("listitem")).to_have_count(2)
    picture(page, f"code-refused-{width}")
    card.get_by_role("button", name="Line 2").click()
    expect(box).to_be_focused()
    assert page.evaluate("() => getSelection().toString()") == "write_csv"
    visit.check()

    box.fill(CODE)
    expect(card.get_by_role("alert").get_by_role("listitem")).to_have_count(0)
    card.get_by_role("button", name="Preview").click()
    approve = card.get_by_role("button", name=re.compile("Approve"))
    expect(approve).to_have_text("Approve: without 12 rows and 1 column", timeout=PATIENCE)
    expect(card.get_by_label("What would change").first).to_contain_text("gone: unit")
    visit.check()
    picture(page, f"code-previewed-{width}")
    # Other code than that which was seen cannot be approved; what was typed outlives the page.
    box.press("End")
    box.type(" ")
    expect(approve).to_be_disabled()
    page.reload()
    visit.ready()
    expect(box).to_have_value(f"{CODE} ")
    box.fill(CODE)
    card.get_by_role("button", name="Preview").click()
    expect(approve).to_be_enabled(timeout=PATIENCE)
    approve.click()
    expect(page.get_by_role("navigation", name="Versions of this table")).to_contain_text(
        "2 lines of code", timeout=PATIENCE
    )
    visit.ready()
    page.get_by_role("tab", name="Recipe").click()
    expect(page.get_by_role("heading", name="Made by code")).to_be_visible()
    expect(page.locator(".made-by-code pre")).to_have_text(CODE)
    visit.check()
    if folder := os.environ.get("FLOWML_PICTURES"):
        page.screenshot(path=Path(folder) / f"code-made-{width}.png", full_page=True)
    context.close()


def test_code_of_a_conversation_comes_into_the_box(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visit = Visit(context, served.url)
    visit.expects_refusals = True
    page = open_tab(visit, served)
    page.evaluate("dispatchEvent(new CustomEvent('propose-code', { detail: '<img src=x onerror=alert(1)>' }))")
    box = page.locator("#code-text")
    expect(box).to_have_value("<img src=x onerror=alert(1)>")
    expect(box).to_be_focused()
    page.locator("#assistant-code").get_by_role("button", name="Preview").click()
    expect(page.locator("#assistant-code").get_by_role("alert")).to_contain_text("This is not Python", timeout=SECONDS)
    expect(page.locator("#assistant-code img")).to_have_count(0)
    visit.check()
    # What somebody has typed is not lost by it, and not by a second one.
    back = page.get_by_role("button", name="Put it back")
    expect(back).to_be_hidden()
    box.fill("df = mine")
    for code in ("df = first", "df = second"):
        page.evaluate("code => dispatchEvent(new CustomEvent('propose-code', { detail: code }))", code)
        expect(box).to_have_value(code)
    page.reload()
    visit.ready()
    expect(box).to_have_value("df = second")
    back.click()
    expect(box).to_have_value("df = mine")
    back.click()
    expect(box).to_have_value("df = second")
    visit.check()
    context.close()
