"""Logging in and out in a real browser, with scripts and without, on a desk and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.access.caller import TokenKind
from flowml.services.access.tokens import create_token, revoke_token
from tests.web.serving import Served, serve
from tests.web.visiting import Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), host="0.0.0.0") as served:
        yield served


def test_without_scripts_too(browser: Browser, reachable: Served) -> None:
    _, secret = create_token(reachable.context, TokenKind.ADMIN, "me")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{reachable.url}/datasets?x=1")
    expect(page).to_have_title("Log in · FlowML")
    page.get_by_label("Admin token").fill("flowml_admin_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no valid admin token")
    page.get_by_label("Admin token").fill(secret)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{reachable.url}/datasets?x=1")
    (cookie,) = context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{reachable.url}/login")
    page.goto(reachable.url)
    expect(page).to_have_url(f"{reachable.url}/login")
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_and_fill_in_the_page(browser: Browser, reachable: Served, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    visit = Visit(context, reachable.url)
    visit.page.goto(f"{reachable.url}/login")
    visit.check(has_scripts=False)
    expect(visit.page.get_by_label("Admin token")).to_be_focused()
    context.close()


def test_an_open_page_leads_back_to_the_log_in_when_its_token_is_revoked(browser: Browser, reachable: Served) -> None:
    _, secret = create_token(reachable.context, TokenKind.ADMIN, "soon gone")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{reachable.url}/login?next=/jobs")
    page.get_by_label("Admin token").fill(secret)
    with page.expect_websocket():
        page.keyboard.press("Enter")
    expect(page).to_have_url(f"{reachable.url}/jobs")
    revoke_token(reachable.context, "soon gone")
    expect(page).to_have_url(f"{reachable.url}/login?next=/jobs")
    context.close()


def test_a_link_of_another_site_is_followed_by_who_is_logged_in(browser: Browser, reachable: Served) -> None:
    _, secret = create_token(reachable.context, TokenKind.ADMIN, "follower")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{reachable.url}/login")
    page.get_by_label("Admin token").fill(secret)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{reachable.url}/")
    # Another host, as browsers see it.
    page.route(
        "http://elsewhere.example/",
        lambda route: route.fulfill(content_type="text/html", body=f'<a href="{reachable.url}/jobs">the runs</a>'),
    )
    page.goto("http://elsewhere.example/")
    page.get_by_role("link").click()
    expect(page).to_have_url(f"{reachable.url}/jobs")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    context.close()
