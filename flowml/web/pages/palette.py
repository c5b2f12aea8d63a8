"""What the command palette can go to."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowml.domain.wording import plural
from flowml.services import datasets, jobs
from flowml.web.caller import context_of
from flowml.web.pages.frame import navigation_of
from flowml.web.words import status_word

LISTED = 200


def items(request: Request) -> Response:
    """`{"items": [{"title", "detail", "icon", "url"}]}`: pages first, then data sets, runs and champions."""
    context = context_of(request)
    found = [_item(page.title, "Page", page.icon, page.url) for page in navigation_of(context.caller)]
    found.append(_item("API", "Page", "chip", "/api/docs"))
    for dataset in datasets.list_datasets(context, LISTED, 0)[0]:
        found.append(_item(dataset.name, f"Data · {plural(dataset.n_rows, 'row')}", "table", f"/datasets/{dataset.id}"))
        found.append(_item(f"Train on {dataset.name}", "Action", "spark", f"/train?dataset={dataset.id}"))
    for job in jobs.list_jobs(context, LISTED, 0)[0]:
        found.append(_item(job.name, f"Run · {status_word(job.status)}", "pulse", f"/jobs/{job.id}"))
        if job.best_model_id:
            found.append(_item(f"Best model of {job.name}", "Model", "trophy", f"/models/{job.best_model_id}"))
            url = f"/models/{job.best_model_id}/playground"
            found.append(_item(f"Try {job.name}", "Playground", "flask", url))
    return JSONResponse({"items": found}, headers={"Cache-Control": "no-store"})


def _item(title: str, detail: str, icon: str, url: str) -> dict[str, str]:
    return {"title": title, "detail": detail, "icon": icon, "url": url}
