"""The pages: one file per noun, each with the class that its template receives, the service calls that fill it, and
its routes. Handlers run in the thread pool; they read through the services and never change anything.
"""

from starlette.routing import Route

from flowml.web.pages import datasets, home, jobs, models, palette, playground, results, train


def routes() -> list[Route]:
    """Every page of the product."""
    return [
        Route("/", home.page, name="home"),
        Route("/datasets", datasets.index, name="datasets"),
        Route("/datasets/{dataset_id}", datasets.page, name="dataset"),
        Route("/datasets/{dataset_id}/rows.json", datasets.rows, name="rows"),
        Route("/train", train.page, name="train"),
        Route("/jobs", jobs.index, name="jobs"),
        Route("/jobs/{job_id}", jobs.page, name="job"),
        Route("/jobs/{job_id}/results", results.page, name="results"),
        Route("/models/{model_id}", models.page, name="model"),
        Route("/models/{model_id}/playground", playground.page, name="playground"),
        Route("/palette.json", palette.items, name="palette"),
    ]
