"""The page of the machines that train, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from flowml.domain.trials import Needs, Offer, TrialSpec
from flowml.domain.workers import Share, WorkerStatus
from flowml.services.fleet.workers import Fleet, register
from tests.services.records import add_dataset, add_job
from tests.web.serving import Served, serve
from tests.web.visiting import Visit

GPU_BOX = {
    "cpu_count_logical": 16, "total_ram_gb": 64.0, "gpus": [{"name": "L4", "vram_gb": 24.0}],
    "disk_free_gb": 70.5, "speed_score": 1.3, "gpu_driver_version": "550.54", "cuda_version": "12.4",
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path) as served:
        served.store.workers.register_local("here", ("cpu",), 2, {"cpu_count_logical": 4}, 1.7e9)
        yield served


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_machines_come_and_go_while_the_page_is_open(server: Served, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/workers")
    expect(page.get_by_role("row", name="here")).to_contain_text("this server")
    expect(page.get_by_text("answers on this machine only")).to_be_visible()
    visit.check()

    worker = register(
        server.context, Fleet(server.context), "gpu box", ["cpu", "gpu"], Share(4, 4, 10**9), GPU_BOX, protocol=1
    )
    row = page.get_by_role("row", name="gpu box")
    has = "16 cores, 64 GB of memory, 70.5 GB of disk free, speed 1.3, L4 with 24.0 GB, driver 550.54 (CUDA 12.4)"
    expect(row).to_contain_text(has)
    dataset = add_dataset(server.store)
    server.store.workers.has_fetched(worker.id, dataset.id, dataset.table)
    link = row.get_by_role("link", name=dataset.name)
    expect(link).to_have_attribute("href", f"/datasets/{dataset.id}")
    row.get_by_role("button", name="Drain gpu box").click()
    expect(row).to_contain_text("draining")
    row.get_by_role("button", name="Let gpu box take trials").click()
    expect(row).to_contain_text("online")

    page.get_by_role("button", name="Make a token for it").click()
    command = page.get_by_label("The command to join")
    expect(command).to_contain_text(f"flowml worker --server {server.url} --token flowml_worker_")
    expect(page.get_by_text("is shown this once")).to_be_visible()
    visit.check()

    row.get_by_role("button", name="Remove gpu box").click()
    page.get_by_label("Type delete to confirm").fill("delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    context.close()


def test_what_each_trains_is_a_link_to_its_run(server: Served) -> None:
    add_dataset(server.store)
    job = add_job(server.store)
    server.store.jobs.claim(9, 1.7e9, 0.0)
    for number in range(2):
        server.store.trials.add(job.id, TrialSpec(number, "ridge", {}), Needs(), 1e12, 0.0)
        server.store.trials.claim("local", "local", "here", Offer(), 1e9, 1.7e9, 1.0)
    html = server.client.get("/workers").text
    assert f'<a href="/jobs/{job.id}">a run</a>' in html
    assert "2 of 2 places" in html


@pytest.mark.browser
def test_machines_that_are_offline_stand_apart_and_go_together(server: Served, browser: Browser) -> None:
    workers = server.store.workers
    ids = [workers.register(f"old {at}", ("cpu",), Share(1, 1, 1), {}, 1.7e9, owner=f"o{at}").id for at in range(4)]
    for worker_id in ids[:3]:
        workers.set_status(worker_id, WorkerStatus.OFFLINE)
    context = browser.new_context(viewport={"width": 390, "height": 800})
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/workers")
    visit.ready()
    # Nothing of the list is beyond the edge of a phone.
    box = page.get_by_role("region", name="List of machines", exact=True)
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    expect(page.get_by_role("row", name="old 3")).to_be_visible()
    expect(page.get_by_role("row", name="old 0")).to_be_hidden()
    page.get_by_text("3 machines offline").click()
    expect(page.get_by_role("row", name="old 0")).to_be_visible()
    visit.check()
    page.get_by_role("button", name="Remove all offline").click()
    page.get_by_label("Type delete to confirm").fill("delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("machines offline")).to_have_count(0)
    assert {worker.id for worker in workers.all()} == {"local", ids[3]}
    context.close()


@pytest.mark.browser
def test_who_works_in_the_list_keeps_the_place_while_it_changes(server: Served, browser: Browser) -> None:
    fleet = Fleet(server.context)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    visit = Visit(context, server.url)
    page = visit.page

    def join(name: str) -> str:
        return register(server.context, fleet, name, ["cpu"], Share(1, 1, 1), {}, protocol=1).id

    worker_id = join("first")
    page.goto(f"{server.url}/workers")
    visit.ready()
    # A click into the table gives it the focus; what comes is shown all the same.
    box = page.get_by_role("region", name="List of machines", exact=True)
    box.get_by_role("row", name="first").get_by_role("cell").nth(1).click()
    expect(box).to_be_focused()
    join("second")
    expect(page.get_by_role("row", name="second")).to_be_visible()
    expect(box).to_be_focused()

    # By keyboard: the button becomes the one that takes it back.
    page.get_by_role("button", name="Drain first").focus()
    join("third")
    expect(page.get_by_role("row", name="third")).to_be_visible()
    expect(page.get_by_role("button", name="Drain first")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Let first take trials")).to_be_focused()
    expect(page.get_by_role("row", name="first")).to_contain_text("draining")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Drain first")).to_be_focused()

    # Where the row goes, the list is what is left of the place.
    server.store.workers.set_status(worker_id, WorkerStatus.OFFLINE)
    expect(page.get_by_text("1 machine offline")).to_be_visible()
    expect(box).to_be_focused()
    visit.check()
    context.close()


@pytest.mark.browser
def test_the_command_that_revokes_a_token_can_be_copied(server: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/workers")
    visit.ready()
    page.get_by_role("button", name="Make a token for it").click()
    expect(page.get_by_text("is shown this once")).to_be_visible()
    (name,) = [token.name for token in server.store.tokens.all()]
    command = f'flowml token revoke "{name}"'
    expect(page.locator("code", has_text=command)).to_be_visible()
    page.get_by_role("button", name="Copy the command that revokes it").click()
    assert page.evaluate("navigator.clipboard.readText()") == command
    visit.check()
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_long_names_are_broken_and_what_can_be_done_stays_in_sight(
    server: Served, browser: Browser, width: int
) -> None:
    parts = {"cpu_count_logical": 16, "gpus": [{"name": "L" * 90, "vram_gb": 24.0}]}
    for name in ("n" * 100, "short"):
        register(server.context, Fleet(server.context), name, ["cpu"], Share(1, 1, 1), parts, protocol=1)
    context = browser.new_context(viewport={"width": width, "height": 800})
    visit = Visit(context, server.url)
    page = visit.page
    page.goto(f"{server.url}/workers")
    visit.ready()
    box = page.get_by_role("region", name="List of machines", exact=True)
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    for name in ("n" * 100, "short"):
        button = page.get_by_role("button", name=f"Remove {name}").bounding_box()
        assert button is not None and button["x"] + button["width"] <= width
        # Words of it stand side by side, and not one sign above another.
        assert page.get_by_text(name, exact=True).evaluate("name => name.getBoundingClientRect().height") < 130
    visit.check()
    context.close()
