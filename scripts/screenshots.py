"""Photograph every page of a running server: `python scripts/screenshots.py http://127.0.0.1:8000 OUT`.

Each page in both themes, wide and narrow, from what the server holds: its newest data set, newest finished run and
that run's best model. Says on the way what the browser complained about.
"""

import argparse
import json
import shutil
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

WIDTHS = {"wide": (1440, 900), "narrow": (360, 740)}
TABS = ("", "quality", "recipe", "columns", "relations", "runs")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def listed(server: str, path: str) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"{server}{path}") as answer:
        items: list[dict[str, object]] = json.load(answer)["items"]
    return items


def addresses(server: str) -> dict[str, str]:
    """Page names and their addresses, as far as the server holds something to show."""
    pages = {"home": "/", "datasets": "/datasets", "jobs": "/jobs", "train-empty": "/train", "missing": "/nothing"}
    jobs = listed(server, "/api/training?limit=100")
    done = next((job for job in jobs if job["status"] == "completed"), None)
    datasets = listed(server, "/api/datasets?limit=100")
    if datasets:
        wanted = done["dataset_id"] if done else datasets[0]["id"]
        dataset = next((item["id"] for item in datasets if item["id"] == wanted), datasets[0]["id"])
        pages |= {name or "dataset": f"/datasets/{dataset}#{name}" for name in TABS}
        version = next((item["id"] for item in datasets if item["parent_id"]), None)
        pages |= {"version": f"/datasets/{version}"} if version else {}
        pages["train"] = f"/train?dataset={dataset}" + (f"&target={done['target']}" if done else "")
    if done:
        pages["job"] = f"/jobs/{done['id']}"
        pages["results"] = f"/jobs/{done['id']}/results"
        pages["model"] = f"/models/{done['best_model_id']}"
        pages["playground"] = f"/models/{done['best_model_id']}/playground"
    running = next((job for job in jobs if job["status"] == "running"), None)
    failed = next((job for job in jobs if job["status"] == "failed"), None)
    pages |= {"live": f"/jobs/{running['id']}"} if running else {}
    pages |= {"failed": f"/jobs/{failed['id']}"} if failed else {}
    return pages


def photograph(page: Page, server: str, name: str, address: str, out: Path, size: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server + address)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_timeout(600)
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(250)
        page.screenshot(path=out / f"{name}-{size}-{theme}.png", full_page=True)
    for complaint in [*complaints, *(["wider than the window"] if wide else [])]:
        print(f"{name} {size}: {complaint}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Photograph every page of a running server.")
    parser.add_argument("server")
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", help="names of pages")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=ARGUMENTS
        )
        for name, address in addresses(options.server).items():
            if options.only and name not in options.only:
                continue
            for size, (width, height) in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": height})
                photograph(page, options.server, name, address, options.out, size)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
