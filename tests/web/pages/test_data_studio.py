"""Data Studio in a real browser: a messy file is read, read again, mended, mended by hand, and taken along."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.web.serving import Served
from tests.web.visiting import SECONDS, Visit, drop

pytestmark = pytest.mark.browser

MESSY = """Report of the north region;;;;;;
;;;;;;
order_id;Ordered on;customer;City;Amount (EUR);paid;note
1001;03.01.2025;Meyer, Anna;Köln;1.234,50;yes;
1002;05.01.2025;Schulz;köln ;99,90;yes;gift
1003;15.01.2025;Peters;Berlin;?;no;
1004;16.01.2025;Meyer, Anna;Berlin;250,00;yes;
1004;16.01.2025;Meyer, Anna;Berlin;250,00;yes;
1005;20.01.2025;Özil;Hamburg;-;no;call back
1006;28.01.2025;Krause;Hamburg;12,00;yes;
1007;02.02.2025;Lang;Bremen;1.000,00;yes;
1008;09.02.2025;Kurz;Köln;45,00;no;
1009;11.02.2025;Klein;Berlin;88,40;yes;
Total;;;;2.979,80;;
"""


@pytest.fixture(scope="module")
def address(server: Served) -> str:
    """Nothing is trained here, so a server without trainers will do."""
    return server.url


@pytest.fixture(scope="module")
def messy(server: Served) -> Iterator[str]:
    """The page of a messy table."""
    answer = server.client.post("/api/datasets/upload", files={"file": ("orders.csv", MESSY.encode())})
    yield f"{server.url}/datasets/{answer.json()['id']}"


def people(server: Served, rows: int = 300) -> str:
    """The page of a table in which the fare says who survived."""
    lines = [
        f"{place},{'female' if place % 3 else 'male'},{place % 97},{place * 7 % 61},{int(place % 97 > 50)}"
        for place in range(rows)
    ]
    content = "\n".join(["number,sex,fare,age,survived", *lines])
    answer = server.client.post("/api/datasets/upload", files={"file": ("people.csv", content.encode())})
    return f"{server.url}/datasets/{answer.json()['id']}"


def moved(visit: Visit) -> None:
    """The page of another data set has opened."""
    here = visit.page.url.split("?")[0].split("#")[0]
    visit.page.wait_for_url(lambda url: "/datasets/" in url and not url.startswith(here), timeout=SECONDS)
    visit.ready()


def rows_of(visit: Visit) -> Locator:
    return visit.page.locator(".grid tbody")


def test_from_a_messy_file_to_a_clean_one(visit: Visit, tmp_path: Path) -> None:
    visit.expects_refusals = True
    page = visit.page
    page.goto(visit.address + "/datasets")
    visit.ready()
    file = tmp_path / "orders.csv"
    file.write_text(MESSY, encoding="utf-8")
    drop(page, file)
    page.wait_for_url(re.compile(r"/datasets/\w+"), timeout=SECONDS)
    visit.ready()
    original = page.url

    # How it was read, and read in another way
    expect(page.locator(".reading")).to_contain_text("How this file was read")
    expect(page.locator(".reading")).to_contain_text("separated by semicolons")
    expect(page.locator(".page-meta")).to_contain_text("10 rows × 7 columns")
    expect(page.locator("[data-findings]")).to_be_visible(timeout=SECONDS)
    visit.check()
    page.get_by_role("button", name="Read differently").click()
    dialog = page.get_by_role("dialog", name="Read orders.csv differently")
    expect(dialog.get_by_label("Delimiter")).to_have_attribute("placeholder", "As found: ;")
    visit.check()
    dialog.get_by_label("Encoding").fill("no such encoding")
    dialog.get_by_role("button", name="Read again").click()
    expect(dialog.get_by_role("alert").filter(has_text="no such encoding")).to_be_visible(timeout=SECONDS)
    expect(dialog.get_by_label("Encoding")).to_be_focused()
    dialog.get_by_label("Encoding").fill("")
    dialog.get_by_label("Keep totals").select_option(label="yes")
    dialog.get_by_role("button", name="Read again").click()
    moved(visit)
    expect(page.locator(".page-meta")).to_contain_text("11 rows × 7 columns")
    expect(rows_of(visit)).to_contain_text("Total")
    page.get_by_text("all that was decided").click()
    expect(page.locator(".reading-facts")).to_contain_text("yes (as you said)")

    # A finding, what its fix would change, and the version that it makes
    page.goto(original)
    visit.ready()
    page.get_by_role("tab", name="Quality").click()
    spellings = page.locator(".finding[data-code=spellings]")
    expect(spellings).to_contain_text("City", timeout=SECONDS)
    visit.check()
    spellings.get_by_role("button", name="Preview fix").click()
    change = page.locator("#change-dialog")
    expect(change.locator("del")).to_have_text(["köln"], timeout=SECONDS)
    expect(change.locator("ins")).to_have_text(["Köln"])
    expect(change).to_contain_text("1 cell changed")
    visit.check()
    change.get_by_role("button", name="Apply").click()
    moved(visit)
    line = page.get_by_role("navigation", name="Versions of this table")
    expect(line.locator("[aria-current=page]")).to_contain_text("Replace in “City”")
    expect(page.locator(".page-meta")).to_contain_text("version of orders")
    expect(spellings).to_have_count(0)
    visit.check()
    line.get_by_role("link", name="Go back").click()
    page.wait_for_url(original)
    visit.ready()
    expect(rows_of(visit)).to_contain_text("köln")

    # Steps by hand: a wrong expression, a right one, and the version that they make
    page.get_by_role("tab", name="Recipe").click()
    page.get_by_role("button", name="Compute a column").click()
    step = page.get_by_role("dialog", name="Add a step")
    step.get_by_label("Its name, new").fill("net")
    step.get_by_label("What it holds").fill("amount / 1.19")
    step.get_by_role("button", name="Add this step").click()
    expect(step.locator(".expression-place mark")).to_have_text("amount", timeout=SECONDS)
    expect(step.get_by_label("What it holds")).to_have_attribute("aria-invalid", "true")
    visit.check()
    step.get_by_label("What it holds").fill("round(")
    step.get_by_role("button", name="Amount (EUR)", exact=True).click()
    expect(step.get_by_label("What it holds")).to_have_value("round(`Amount (EUR)`")
    step.get_by_label("What it holds").press_sequentially(" / 1.19, 2)")
    step.get_by_role("button", name="Add this step").click()
    steps = page.get_by_role("list", name="Steps to apply")
    expect(steps.get_by_role("listitem")).to_contain_text(["Compute “net”"], timeout=SECONDS)
    expect(page.locator(".recipe-preview")).to_contain_text("new: net")
    expect(page.locator(".recipe-preview ins").first).to_have_text("1037.39")
    visit.check()
    page.get_by_role("button", name="Apply 1 step").click()
    moved(visit)
    expect(page.locator("th[data-column=net]")).to_be_visible()
    expect(rows_of(visit)).to_contain_text("1037.39")

    # What there is can be taken along
    page.get_by_role("button", name="Download").click()
    visit.check()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    taken = Path(download.value.path()).read_text(encoding="utf-8")
    assert taken.splitlines()[0].endswith(",net") and "1037.39" in taken
    assert not visit.complaints


def test_several_fixes_make_one_version(visit: Visit, messy: str) -> None:
    page = visit.page
    page.goto(messy + "#quality")
    visit.ready()
    for code in ("spellings", "duplicate-rows"):
        page.locator(f".finding[data-code={code}] input").check(timeout=SECONDS)
    expect(page.get_by_text("2 fixes chosen")).to_be_visible()
    page.get_by_role("button", name="Preview together").click()
    expect(page.locator(".difference-steps li")).to_have_count(2, timeout=SECONDS)
    expect(page.locator("#change-dialog")).to_contain_text("10 → 9 rows")
    page.get_by_role("button", name="Apply").click()
    moved(visit)
    expect(page.get_by_role("navigation", name="Versions of this table")).to_contain_text("and 1 more")
    expect(page.get_by_role("tab", name="Quality")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Recipe").click()
    expect(page.locator(".recipe-done li")).to_have_count(2)


def test_steps_are_put_in_order_and_taken_out(visit: Visit, messy: str) -> None:
    visit.expects_refusals = True
    page = visit.page
    page.goto(messy)
    visit.ready()
    page.get_by_role("button", name="Change the column note").click()
    page.get_by_role("button", name="Rename…").click()
    page.get_by_label("Its new name").fill("remark")
    page.get_by_role("button", name="Add this step").click()
    steps = page.get_by_role("list", name="Steps to apply").get_by_role("listitem")
    expect(steps).to_contain_text(["“remark”"], timeout=SECONDS)

    page.get_by_role("button", name="Add a step").click()
    step = page.get_by_role("dialog", name="Add a step")
    step.get_by_label("What to do").select_option("drop")
    # The step before it has renamed this column.
    step.get_by_label("remark", exact=True).check(timeout=SECONDS)
    step.get_by_role("button", name="Add this step").click()
    expect(steps).to_contain_text(["“remark”", "Drop “remark”"], timeout=SECONDS)
    expect(page.get_by_role("button", name="Apply 2 steps")).to_be_enabled()

    # A reload loses nothing.
    page.reload()
    visit.ready()
    page.get_by_role("tab", name="Recipe").click()
    expect(steps).to_contain_text(["“remark”", "Drop “remark”"], timeout=SECONDS)
    expect(page.get_by_role("tab", name="Recipe")).to_contain_text("2 new")
    expect(page.get_by_role("button", name="Apply 2 steps")).to_be_enabled(timeout=SECONDS)

    page.get_by_role("button", name="Move step 2 up").click()
    expect(page.get_by_role("alert").filter(has_text="There is no column “remark”")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_role("button", name="Apply 2 steps")).to_be_disabled()
    page.get_by_role("button", name="Remove step 1").click()
    expect(page.get_by_role("button", name="Apply 1 step")).to_be_enabled(timeout=SECONDS)
    visit.check()


def test_a_step_stands_before_the_server_has_tried_it(visit: Visit, messy: str) -> None:
    visit.expects_refusals = True
    page = visit.page
    page.goto(messy)
    visit.ready()
    waiting: list[Route] = []
    page.route("**/transform", lambda route: waiting.append(route))
    steps = page.get_by_role("list", name="Steps to apply").get_by_role("listitem")

    def add(op: str, column: str) -> None:
        page.get_by_role("button", name=f"Change the column {column}").click()
        page.get_by_role("button", name=op).click()
        expect(page.locator("#step-dialog [data-field]").first).to_be_visible()
        page.get_by_role("button", name="Add this step").click()

    add("Take it out…", "note")
    expect(steps).to_contain_text(["“note”"])
    expect(steps).to_contain_text(["Trying it out…"])
    expect(page.get_by_role("button", name="Apply 1 step")).to_be_disabled()
    # What the form has asked for is what the recipe waits for.
    assert until_count(visit, waiting, 1)
    waiting.pop().continue_()
    expect(steps).to_contain_text(["Drop “note”"], timeout=SECONDS)
    expect(page.get_by_role("button", name="Apply 1 step")).to_be_enabled(timeout=SECONDS)
    assert not waiting

    # One that is refused afterwards says so where it stands.
    page.get_by_role("tab", name="Table").click()
    add("Change the type…", "City")
    expect(steps).to_have_count(2)
    assert until_count(visit, waiting, 1)
    waiting.pop().fulfill(
        status=422,
        content_type="application/problem+json",
        body='{"detail": "No.", "errors": [{"field": "operations.1.to", "message": "No."}]}',
    )
    expect(page.locator(".recipe-wrong")).to_have_count(1)
    expect(page.get_by_role("button", name="Apply 2 steps")).to_be_disabled()
    page.get_by_role("button", name="Remove step 2").click()
    expect(page.get_by_role("button", name="Apply 1 step")).to_be_enabled()


def test_a_busy_server_or_a_reload_costs_a_recipe_nothing(visit: Visit, server: Served, messy: str) -> None:
    visit.expects_refusals = True
    page = visit.page
    page.goto(messy)
    table = messy.split("/")[-1]
    is_busy, made = True, []

    def answer(route: Route) -> None:
        if '"preview":true' not in (route.request.post_data or ""):
            # It is made, and nobody is there for the answer.
            made.append(route.fetch().json()["id"])
        elif is_busy:
            busy = '{"detail": "128 requests of yours wait.", "hint": "Wait."}'
            route.fulfill(status=503, content_type="application/problem+json", body=busy)
        else:
            route.continue_()

    page.route("**/transform", answer)
    page.evaluate(f"""localStorage.drafts = '{{"{table}": [{{"op": "drop", "columns": ["note"]}}]}}'""")
    page.goto("about:blank")
    page.goto(messy + "#recipe")
    steps = page.get_by_role("list", name="Steps to apply").get_by_role("listitem")
    expect(page.get_by_text("128 requests of yours wait. Wait.")).to_be_visible(timeout=SECONDS)
    expect(steps).to_have_text(["Drop columns: “note”"])
    expect(page.get_by_role("button", name="Apply 1 step")).to_be_disabled()
    visit.check()
    is_busy = False
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Apply 1 step")).to_be_focused(timeout=SECONDS)
    page.get_by_role("button", name="Apply 1 step").click()
    expect(page.get_by_text("Making the new version…")).to_be_visible()
    for _ in range(200):
        page.wait_for_timeout(20)
        if made:
            break
    page.reload()
    expect(page.locator(".toast")).to_contain_text("The new version is there", timeout=SECONDS)
    expect(page.locator(".toast a")).to_have_attribute("href", f"/datasets/{made[0]}")
    expect(steps).to_have_count(0)
    children = server.client.get(f"/api/datasets/{table}/lineage").json()["children"]
    assert [child["dataset"]["id"] for child in children].count(made[0]) == len(made) == 1


def test_who_leaves_the_dialog_stays_where_they_are(visit: Visit, server: Served) -> None:
    visit.expects_refusals = True
    page = visit.page
    page.goto(people(server))
    visit.ready()
    here = page.url
    waiting: list[Route] = []
    page.route("**/transform", lambda route: waiting.append(route))
    page.evaluate(
        """document.getElementById("change-dialog").dispatchEvent(new CustomEvent("preview-change",
        {detail: {title: "Without the age", operations: [{op: "drop", columns: ["age"]}], tab: ""}}))"""
    )
    assert until_count(visit, waiting, 1)
    waiting.pop().fulfill(status=503, content_type="application/problem+json", body='{"detail": "Busy."}')
    dialog = page.get_by_role("dialog", name="Without the age")
    expect(dialog.get_by_text("Busy.")).to_be_visible()
    visit.check()
    dialog.get_by_role("button", name="Try again").click()
    assert until_count(visit, waiting, 1)
    waiting.pop().continue_()
    expect(dialog.get_by_role("button", name="Apply")).to_be_focused(timeout=SECONDS)
    dialog.get_by_role("button", name="Apply").click()
    assert until_count(visit, waiting, 1)
    with page.expect_event("requestfailed"):
        dialog.get_by_role("button", name="Leave it").click()
    expect(dialog).to_have_count(0)
    page.wait_for_timeout(100)
    assert page.url == here


def test_a_target_puts_the_columns_in_order(visit: Visit, server: Served) -> None:
    page = visit.page
    page.goto(people(server) + "#relations")
    visit.ready()
    page.locator("#relations-target").select_option("survived")
    strengths = page.get_by_role("list", name="Columns, the strongest first").get_by_role("listitem")
    expect(strengths.first).to_contain_text("fare", timeout=SECONDS)
    expect(page.locator(".goes-with figure[data-chart=shares] svg.plot")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_role("link", name="Train a model").first).to_have_attribute(
        "href", re.compile("target=survived")
    )
    assert "target=survived" in page.url
    visit.check()

    # A cell of the heat map, by keyboard alone
    cells = page.locator(".heat-map figure[data-chart=correlation] [data-mark]")
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    pair = page.locator(".heat-map .pair-chart figure")
    expect(pair.locator("svg.plot")).to_be_visible(timeout=SECONDS)
    pair.get_by_text("Show data").click()
    expect(pair.locator("tbody tr").first).to_be_visible()
    visit.check()

    # The same target beside a column
    page.get_by_role("tab", name="Table").click()
    page.get_by_role("button", name="About the column fare").click()
    expect(page.get_by_role("dialog", name="fare").get_by_role("heading", name="fare and survived")).to_be_visible(
        timeout=SECONDS
    )
    visit.check()


def test_the_rows_of_before_stay_until_the_new_ones_are_there(visit: Visit, server: Served) -> None:
    page = visit.page
    waiting: list[Route] = []
    page.goto(people(server))
    visit.ready()
    page.route(re.compile(r"rows\.json.*sort="), lambda route: waiting.append(route))
    first = page.locator(".grid tbody tr:not(.grid-space) td:nth-child(2)").first
    expect(first).to_have_text("0")

    page.get_by_role("button", name="number", exact=True).click()
    expect(page.get_by_text("Sorting 300 rows…")).to_be_visible()
    page.get_by_role("button", name="number", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_be_attached()
    expect(first).to_have_text("0")
    expect(page.locator(".grid-box")).to_have_attribute("aria-busy", "true")
    assert until_count(visit, waiting, 2)
    waiting[1].continue_()
    expect(first).to_have_text("299")
    # A row keeps its number, however the rows are sorted.
    expect(page.locator(".grid tbody tr:not(.grid-space) td.grid-index").first).to_have_text("300")
    expect(page.get_by_text("300 rows", exact=True).last).to_be_visible()
    assert waiting[0].request.failure, "the answer that nobody waits for any more was not given up"


def until_count(visit: Visit, found: list[Route], count: int) -> bool:
    for _ in range(100):
        if len(found) >= count:
            return True
        visit.page.wait_for_timeout(50)
    return False


def test_a_menu_and_its_step_by_keyboard_alone(visit: Visit, messy: str) -> None:
    page = visit.page
    page.goto(messy)
    visit.ready()
    button = page.get_by_role("button", name="Change the column City")
    button.focus()
    page.keyboard.press("Enter")
    # It does not lie over its button, where it would take the next click.
    menu, opener = page.locator("#column-menu").bounding_box(), button.bounding_box()
    assert menu and opener and menu["y"] >= 0 and menu["y"] + menu["height"] <= 900
    assert menu["y"] + menu["height"] <= opener["y"] or opener["y"] + opener["height"] <= menu["y"]
    expect(page.get_by_role("button", name="About “City”")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Sort, smallest first")).to_be_focused()
    page.get_by_role("button", name="Hide in this view").press("Enter")
    expect(page.locator("th[data-column=City]")).to_be_hidden()
    expect(page.get_by_role("button", name="Change the column Amount (EUR)")).to_be_focused()
    # Of a column that is not on show there is nothing to hide.
    page.get_by_role("tab", name="Columns").click()
    page.get_by_role("button", name="City", exact=True).click()
    page.get_by_role("dialog", name="City").get_by_role("button", name="Change this column").click()
    expect(page.get_by_role("button", name="Rename…")).to_be_visible()
    expect(page.get_by_role("button", name="Hide in this view")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Table").click()
    page.get_by_role("button", name="Show 1 hidden column").press("Enter")
    page.get_by_role("button", name="Change the column City").press("Enter")
    page.get_by_role("button", name="Rename…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Its new name")).to_be_focused(timeout=SECONDS)
    page.keyboard.type("Town")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Steps to apply")).to_contain_text("“Town”", timeout=SECONDS)
    assert page.evaluate("document.activeElement !== document.body"), "the focus was lost"


def test_a_column_is_changed_from_its_own_view(visit: Visit, messy: str) -> None:
    page = visit.page
    page.goto(messy + "#columns")
    visit.ready()
    page.get_by_role("button", name="note", exact=True).click()
    drawer = page.get_by_role("dialog", name="note")
    expect(drawer.get_by_text("Distinct values")).to_be_visible(timeout=SECONDS)
    drawer.get_by_role("button", name="Change this column").click()
    page.get_by_role("button", name="Take it out…").click()
    expect(drawer).to_be_hidden()
    step = page.get_by_role("dialog", name="Add a step")
    expect(step.get_by_label("note", exact=True)).to_be_checked(timeout=SECONDS)
    expect(step.get_by_text("Drop “note”.")).to_be_visible(timeout=SECONDS)


def test_a_column_shows_whole_numbers_to_the_last_digit(visit: Visit, server: Served) -> None:
    rows = "".join(f"9007199254740993,{9007199254740993 + 2 * row},{row}\n" for row in range(30))
    sent = {"file": ("references.csv", f"same,count,x\n{rows}".encode())}
    answer = server.client.post("/api/datasets/upload", files=sent)
    page = visit.page
    page.goto(f"{server.url}/datasets/{answer.json()['id']}#columns")
    visit.ready()
    for column, digits in (("same", "9007199254740993"), ("count", "9007199254741051")):
        page.get_by_role("button", name=column, exact=True).click()
        drawer = page.get_by_role("dialog", name=column)
        expect(drawer.get_by_text(digits).first).to_be_visible(timeout=SECONDS)
        page.keyboard.press("Escape")


def test_of_several_files_the_broken_one_is_explained(visit: Visit, tmp_path: Path) -> None:
    visit.expects_refusals = True
    page = visit.page
    page.goto(visit.address + "/datasets")
    visit.ready()
    good, broken = tmp_path / "good.csv", tmp_path / "broken.parquet"
    good.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    broken.write_bytes(b"PAR1 and nothing more PAR1")
    page.locator("input[type=file]").set_input_files([broken, good])
    expect(page.get_by_role("alert").filter(has_text="broken.parquet")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("1 data set was added.")).to_be_visible(timeout=SECONDS)
    expect(page.locator("input[type=file]")).to_be_focused()
    visit.check()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert").filter(has_text="broken.parquet")).to_have_count(0)


def test_a_narrow_window_holds_every_view(visit: Visit, messy: str) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 740})
    for tab in ("table", "quality", "columns", "relations", "recipe"):
        page.goto("about:blank")
        page.goto(f"{messy}?target=paid#{tab}")
        visit.ready()
        page.get_by_role("tablist").evaluate("strip => strip.scrollIntoView()")
        expect(page.get_by_role("tab", selected=True)).to_be_in_viewport(ratio=0.9)
        page.wait_for_load_state("networkidle")
        visit.check()
    page.get_by_role("button", name="Replace values").click()
    expect(page.get_by_label("This value 1")).to_be_attached(timeout=SECONDS)
    visit.check()
