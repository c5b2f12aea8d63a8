"""Names on the pages: changed in place by the keyboard, in every tab; runs deleted; versions under their table."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from flowml.domain.jobs import JobStatus
from flowml.services.dispatch.ledger import finish_job
from tests.services.records import add_dataset, add_job
from tests.web.serving import Served
from tests.web.visiting import Visit

HTML = {"Accept": "text/html"}


def test_versions_stand_under_their_table_and_the_table_that_changed_last_comes_first(server: Served) -> None:
    old = add_dataset(server.store, "old")
    for at, (name, parent) in enumerate((("v2", "old"), ("other", None), ("v3", "v2"))):
        server.store.datasets.add(replace(old, id=name, name=name, parent_id=parent, created_at=1.8e9 + at), ())
    text = server.client.get("/datasets", headers=HTML).text
    rows = re.findall(r'<tr( class="under")?>\s*<th scope="row">.*?href="/datasets/(\w+)"', text, re.DOTALL)
    assert rows == [("", "old"), (' class="under"', "v2"), (' class="under"', "v3"), ("", "other")]

    # Of a table that is gone the first version takes the place; what was made from that stays below it.
    server.store.datasets.delete("old")
    text = server.client.get("/datasets", headers=HTML).text
    rows = re.findall(r'<tr( class="under")?>\s*<th scope="row">.*?href="/datasets/(\w+)"', text, re.DOTALL)
    assert rows == [("", "v2"), (' class="under"', "v3"), ("", "other")]
    for name in ("v2", "v3", "other"):
        server.store.datasets.delete(name)


def test_many_versions_are_counted_and_the_newest_listed(server: Served) -> None:
    first = add_dataset(server.store, "first")
    for at in range(13):
        server.store.datasets.add(replace(first, id=f"n{at}", parent_id="first", created_at=1.8e9 + at), ())
    text = server.client.get("/datasets", headers=HTML).text
    assert re.findall(r'href="/datasets/(n\d+)"', text) == [f"n{at}" for at in range(3, 13)]
    assert "3 older versions" in text
    for name in ("first", *(f"n{at}" for at in range(13))):
        server.store.datasets.delete(name)


@pytest.fixture
def visits(browser: Browser, server: Served) -> Iterator[tuple[Visit, Visit]]:
    """Two tabs of one person."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Visit(context, server.url), Visit(context, server.url)
    context.close()


def rename(page: Page, name: str, typed: str) -> None:
    page.get_by_role("button", name=f"Rename {name}", exact=True).press("Enter")
    expect(page.get_by_role("textbox", name="New name")).to_be_focused()
    page.keyboard.type(typed)


@pytest.mark.browser
def test_a_name_is_changed_in_place_and_every_tab_shows_it(server: Served, visits: tuple[Visit, Visit]) -> None:
    job = add_job(server.store)
    server.store.jobs.update(job.id, name="first try")
    finish_job(server.store, job.id, JobStatus.CANCELLED, 1.7e9 + 1)
    server.store.jobs.update(add_job(server.store).id, name="taken")
    (one, other) = (visit.page for visit in visits)
    one.goto(f"{server.url}/jobs")
    other.goto(f"{server.url}/jobs/{job.id}")
    for visit in visits:
        visit.ready()

    # Escape leaves it as it was, and the focus where it came from.
    rename(one, "first try", "something else")
    one.keyboard.press("Escape")
    expect(one.get_by_role("button", name="Rename first try")).to_be_focused()
    # A name that another one has is refused in words, and the field stays.
    visits[0].expects_refusals = True
    rename(one, "first try", "taken")
    one.keyboard.press("Enter")
    expect(one.get_by_role("alert").filter(has_text="“taken 2” is free")).to_be_visible()
    one.get_by_role("textbox", name="New name").fill("second try")
    one.keyboard.press("Enter")
    expect(one.get_by_role("link", name="second try")).to_be_visible()
    expect(one.get_by_role("button", name="Rename second try")).to_be_focused()
    visits[0].check()
    # The other tab shows it everywhere, and what it says next goes back to the first.
    expect(other.get_by_role("heading", level=1)).to_have_text("second try")
    expect(other.locator(".crumbs [aria-current]")).to_have_text("second try")
    expect(other).to_have_title("second try · FlowML")
    rename(other, "second try", "third try")
    other.keyboard.press("Tab")
    expect(one.get_by_role("link", name="third try")).to_be_visible()
    visits[1].check()

    # The run goes, from its page or the list.
    other.get_by_role("button", name="Delete third try").click()
    expect(other.get_by_role("heading", name="Delete third try?")).to_be_visible()
    other.get_by_label("Type delete to confirm").fill("delete")
    other.keyboard.press("Enter")
    other.wait_for_url("**/jobs")
    expect(other.get_by_role("link", name="third try")).to_have_count(0)
    assert server.client.get(f"/api/training/{job.id}").status_code == 404


@pytest.mark.browser
def test_a_name_that_is_typed_while_its_run_ends_is_not_saved_half_done(
    server: Served, visits: tuple[Visit, Visit]
) -> None:
    job = add_job(server.store)
    server.store.jobs.update(job.id, name="at work")
    page = visits[0].page
    page.goto(f"{server.url}/jobs/{job.id}")
    visits[0].ready()
    rename(page, "at work", "half")
    finish_job(server.store, job.id, JobStatus.CANCELLED, 1.7e9 + 1)
    expect(page.get_by_text("Nothing: the run has ended.")).to_be_visible()
    page.keyboard.type(" and half")
    assert server.store.jobs.get(job.id).name == "at work"
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Delete half and half")).to_be_visible()
    expect(page.get_by_role("button", name="Rename half and half")).to_be_focused()
    assert server.store.jobs.get(job.id).name == "half and half"


@pytest.mark.browser
def test_lists_show_what_counts_on_a_phone(server: Served, browser: Browser) -> None:
    made = server.client.post("/api/datasets/upload", files={"file": ("small.csv", b"a,b\n1,2\n3,4\n")}).json()["id"]
    job = add_job(server.store)
    server.store.jobs.update(job.id, metric="accuracy", best_score=0.9)
    context = browser.new_context(viewport={"width": 360, "height": 740})
    visit = Visit(context, server.url)
    for path, wanted in (("/jobs", "td.number"), ("/datasets", "td.row-actions"), ("/api/docs", "main pre")):
        visit.page.goto(server.url + path)
        visit.ready()
        box = visit.page.locator(wanted).first.bounding_box()
        assert box and box["x"] + box["width"] <= 360, path
        # Of what is alike a hundred times, some: to look at all of it takes twenty seconds.
        visit.page.evaluate("document.querySelectorAll('article:nth-of-type(n+4)').forEach(one => one.remove())")
        visit.check()
    visit.page.goto(f"{server.url}/datasets/{made}")
    first, last = (
        visit.page.locator(".page-head .actions").get_by_role(role, name=name).bounding_box()
        for role, name in (("link", "Train a model"), ("button", "Delete"))
    )
    assert first and last and first["y"] < last["y"], "what destroys does not come first"
    context.close()
