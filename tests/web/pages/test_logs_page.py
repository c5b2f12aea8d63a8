"""The pages of the log and of the settings, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.logs import LogEntry, LogLevel
from tests.web.serving import Served, serve
from tests.web.visiting import Visit

LINE = LogEntry(0, 1.7e9, LogLevel.INFO, "flowml.x", "this server", "local", "server", "a line")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        served.store.workers.register_local("here", ("cpu",), 2, {"cpu_count_logical": 4}, 1.7e9)
        yield served


def add(server: Served, *messages: str, **change: Any) -> None:
    server.store.logs.append([replace(LINE, message=message, **change) for message in messages])


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_lines_come_as_they_are_said_and_are_filtered(server: Served, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, accept_downloads=True)
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/logs")
    expect(page.get_by_role("heading", name="Nothing was said yet")).to_be_visible()
    visit.check()

    add(server, *(f"line {number}" for number in range(40)))
    add(
        server,
        "<b>far</b>",
        level=LogLevel.ERROR,
        machine="gpu box",
        worker_id="w",
        detail="Traceback\n  it",
        job_id="j",
    )
    lines = page.locator(".line")
    expect(lines).to_have_count(41)
    failed = lines.last
    expect(failed).to_be_in_viewport()
    expect(failed).to_contain_text("<b>far</b>")
    expect(failed.get_by_role("link", name="its run")).to_have_attribute("href", "/jobs/j")
    failed.get_by_text("Details").click()
    expect(failed.get_by_text("Traceback")).to_be_visible()
    visit.check()

    # Who looks at earlier ones is not taken away from them.
    box = page.get_by_role("region", name="Lines of the log")
    box.evaluate("box => { box.scrollTop = 0; }")
    add(server, "unseen")
    new = page.get_by_role("button", name="1 new line")
    expect(new).to_be_visible()
    expect(lines.first).to_be_in_viewport()
    new.click()
    expect(lines.last).to_be_in_viewport()
    expect(new).to_be_hidden()

    # What is only being typed chooses nothing yet.
    typed = page.get_by_label("Text", exact=True)
    typed.evaluate("input => { input.value = 'zzz'; }")
    add(server, "while somebody types")
    expect(lines.last).to_contain_text("while somebody types")
    typed.evaluate("input => { input.value = ''; }")

    page.get_by_role("button", name="Pause").click()
    # What it does is in its name, and not in a state as well.
    expect(page.get_by_role("button", name="Go on")).not_to_have_attribute("aria-pressed", "true")
    add(server, "said meanwhile")
    expect(page.get_by_role("status").filter(has_text="paused")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(lines.last).to_contain_text("said meanwhile")

    page.get_by_label("Text", exact=True).fill("LINE 1")
    expect(lines).to_have_count(11)
    page.get_by_label("Level").select_option("error")
    expect(page.get_by_role("heading", name="No line matches")).to_be_visible()
    assert page.url.endswith("/logs?level=error&search=LINE+1")
    page.get_by_label("Text", exact=True).fill("")
    expect(lines).to_have_count(1)
    page.reload()
    visit.ready()
    expect(lines).to_have_count(1)
    expect(page.get_by_label("Level")).to_have_value("error")
    page.get_by_label("Machine").select_option(label="gpu box")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "ERROR    [gpu box, server] flowml.x: <b>far</b>" in download.value.path().read_text()
    add(server, "of another machine", level=LogLevel.ERROR)
    add(server, "of this machine", level=LogLevel.ERROR, machine="gpu box", worker_id="w")
    expect(lines).to_have_count(2)
    expect(lines.last).to_contain_text("of this machine")
    visit.check()
    context.close()


def test_every_level_can_be_chosen_and_is_shown_as_chosen(server: Served) -> None:
    for level in LogLevel:
        html = server.client.get("/logs", params={"level": level.value}).text
        assert f'<option value="{level.value}" selected>' in html


@pytest.mark.browser
def test_older_lines_are_asked_for_and_the_place_is_kept(server: Served, browser: Browser) -> None:
    add(server, *(f"line {number}" for number in range(700)))
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/logs")
    page.wait_for_selector("html[data-ready]")
    lines = page.locator(".line")
    expect(lines).to_have_count(300)
    expect(lines.last).to_be_in_viewport()
    page.get_by_role("link", name="Show older lines").click()
    expect(lines).to_have_count(600)
    expect(lines.nth(300)).to_be_in_viewport()
    page.get_by_role("link", name="Show older lines").press("Enter")
    expect(lines).to_have_count(700)
    expect(page.get_by_role("link", name="Show older lines")).to_be_hidden()
    # What was focused is gone; who goes on by keyboard is where the lines are.
    expect(page.get_by_role("region", name="Lines of the log")).to_be_focused()
    context.close()


@pytest.mark.browser
def test_a_new_start_of_the_server_costs_no_line(tmp_path: Path, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serve(tmp_path) as first:
        add(first, "before")
        port = int(first.url.rpartition(":")[2])
        page.goto(f"{first.url}/logs")
        page.wait_for_selector("html[data-ready]")
    expect(page.get_by_role("status").filter(has_text="does not answer")).to_be_visible()
    with serve(tmp_path, port) as second:
        add(second, "after")
        expect(page.locator(".line").last).to_contain_text("after", timeout=20_000)
        expect(page.locator(".line")).to_have_count(2)
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_settings_say_what_they_are_and_where_from(
    server: Served, browser: Browser, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    visit = Visit(context, server.url)
    visit.page.goto(f"{server.url}/settings")
    row = visit.page.get_by_role("row", name="FLOWML_MAX_UPLOAD_MB")
    expect(row).to_contain_text("500 MB")
    expect(row.get_by_text("default").locator("visible=true")).to_have_count(1)
    expect(visit.page.get_by_text("after 90 seconds")).to_be_visible()
    visit.check()
    context.close()


@pytest.mark.browser
def test_a_long_folder_is_broken_on_a_phone(tmp_path: Path, browser: Browser) -> None:
    with serve(tmp_path / ("long" * 25) / ("path" * 20)) as server:
        context = browser.new_context(viewport={"width": 390, "height": 800})
        visit = Visit(context, server.url)
        visit.page.goto(f"{server.url}/settings")
        visit.ready()
        box = visit.page.get_by_role("region", name="List of settings")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        visit.check()
        context.close()
